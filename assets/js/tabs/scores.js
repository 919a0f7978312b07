// A table of scores: each number stands over its interval; the best number has a mark.
FusionLens.define("scores", (root) => {
  const { el, say } = FusionLens;
  const title = el("h2", {});
  const tag = el("span", { className: "tag" });
  const sentence = el("p", { className: "sentence" });
  const table = el("div", { className: "table", tabIndex: 0, at: { role: "region" } });
  const note = el("p", { className: "note" });
  root.append(el("div", { className: "bar" }, title, tag), sentence, table, note);
  // Signs are for the eye; screen readers get words.
  const MARKS = { best: ["●", "best in its column"], tied: ["○", "tie with the best"] };

  const mark = ({ mark }) => {
    if (!MARKS[mark]) return [];
    const [sign, words] = MARKS[mark];
    const shown = el("span", { className: "mark", at: { "aria-hidden": "true" } }, sign);
    return [shown, el("span", { className: "sr-only" }, ` ${say(words)} `)];
  };
  const content = (cell) => [
    el("span", { className: "value" }, ...mark(cell), cell.text),
    cell.detail ? el("span", { className: "detail" }, ` ${cell.detail}`) : null,
  ];
  // "Spanish · Medicine" breaks after the point, where it needs two lines.
  const whole = (name) => ({ ...name, text: name.text.replaceAll(" · ", "\u00a0· ") });
  const heads = ({ corner, groups, columns }) => {
    const starts = new Set();
    let place = 0;
    for (const [, span] of groups) {
      starts.add(place);
      place += span;
    }
    const names = columns.map((name, at) => el("th", { scope: "col", dir: "auto", data: starts.has(at) ? { start: "1" } : {} }, ...content(whole(name))));
    const first = el("th", { scope: "col", rowSpan: groups.length ? 2 : 1 }, corner);
    if (!groups.length) return { starts, rows: [el("tr", {}, first, ...names)] };
    const over = groups.map(([name, span]) => el("th", { scope: "colgroup", colSpan: span, dir: "auto", data: { start: "1" } }, name));
    return { starts, rows: [el("tr", { className: "groups" }, first, ...over), el("tr", {}, ...names)] };
  };

  // The rows under the headings of their sections.
  const sections = ({ sections, columns }, lines) => {
    if (!sections.length) return [el("tbody", {}, ...lines)];
    let place = 0;
    return sections.map(([name, count]) => {
      const own = lines.slice(place, (place += count));
      const head = el("th", { scope: "rowgroup", dir: "auto" }, name);
      const rest = el("td", { colSpan: columns.length, at: { "aria-hidden": "true" } });
      return el("tbody", {}, el("tr", { className: "section" }, head, rest), ...own);
    });
  };

  // The headings of the columns stay in sight while the page scrolls over a table. The table scrolls
  // sideways itself, so that they would stick to it alone.
  const follow = () => {
    const head = root.hidden ? null : table.querySelector("thead");
    if (!head) return;
    // Not the frame around it, which has a gap above the headings.
    const box = head.parentElement.getBoundingClientRect();
    const down = box.bottom < 0 ? 0 : Math.min(-box.top, box.height - 2 * head.offsetHeight);
    head.style.transform = down > 0 ? `translateY(${down}px)` : "";
  };
  window.addEventListener("scroll", follow, { passive: true });

  return {
    update(value) {
      root.hidden = !value.rows.length;
      if (root.hidden) return;
      title.textContent = value.title;
      tag.textContent = value.tag;
      tag.hidden = !value.tag;
      sentence.textContent = value.sentence;
      note.textContent = value.note;
      note.hidden = !value.note;
      table.setAttribute("aria-label", value.title);
      const { starts, rows } = heads(value);
      const lines = value.rows.map(({ heading, cells }) =>
        el(
          "tr",
          {},
          el("th", { scope: "row", dir: "auto" }, ...content(heading).filter(Boolean)),
          ...cells.map((cell, at) =>
            el("td", { data: { mark: cell.mark, ...(starts.has(at) ? { start: "1" } : {}) } }, ...content(cell)),
          ),
        ),
      );
      table.replaceChildren(el("table", {}, el("thead", {}, ...rows), ...sections(value, lines)));
      follow();
    },
  };
});
