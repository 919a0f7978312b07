// Items with the answers of two methods. A button in each row opens the whole answers side by side.
FusionLens.define("items", (root, trigger) => {
  const { el, say, words } = FusionLens;
  const sentence = el("p", { className: "sentence", at: { role: "status" } });
  const table = el("div", { className: "table", tabIndex: 0, at: { role: "region", "aria-label": words("Items") } });
  const more = el("button", { type: "button", className: "quiet more" });
  root.append(sentence, table, more);
  let value = null;
  let language = "";
  let count = 0;
  // The items that are open stay open when more items are added.
  let open = new Set();
  more.addEventListener("click", () => trigger("more", {}));

  const mark = ({ outcome, mark }) => el("span", { className: "mark", data: { outcome }, at: { "aria-hidden": "true" } }, mark);

  const answer = (one, place) =>
    el(
      "section",
      { className: "answer", data: { outcome: one.outcome } },
      el("h3", { dir: "auto" }, value.methods[place]),
      el("p", { className: "verdict" }, mark(one), ` ${one.verdict}`),
      el("div", { className: "text", dir: "auto" }, one.text),
    );
  const line = (name, text, className = "") =>
    text ? [el("dt", {}, name), el("dd", { className, dir: "auto" }, text)] : [];
  const opened = (item) => {
    const facts = el(
      "dl",
      {},
      ...line(say("Question"), item.question),
      ...line(say("Options"), item.options.join(" · ")),
      ...line(say("Right answer"), item.solution || item.gold, item.solution ? "solution" : ""),
    );
    const link = el("a", { href: `?${item.link}`, target: "_blank", rel: "noopener" }, `${say("Open in Explore")} ↗`);
    link.append(el("span", { className: "sr-only" }, say(" (opens a new page)")));
    return el("div", { className: "opened" }, facts, el("div", { className: "pair" }, ...item.answers.map(answer)), link);
  };

  const rows = (item, index) => {
    const key = `${item.task} ${item.name}`;
    const id = `results-item-${index}`;
    const button = el(
      "button",
      { type: "button", className: "question", at: { "aria-controls": id } },
      el("span", { className: "name" }, `${item.task} · ${item.name}`),
      el("span", { className: "asked", dir: "auto" }, item.question),
    );
    const cell = el("td", { colSpan: 2 + item.answers.length });
    const detail = el("tr", { id, className: "detail" }, cell);
    const show = () => {
      const shown = open.has(key);
      button.setAttribute("aria-expanded", shown);
      detail.hidden = !shown;
      cell.replaceChildren(...(shown ? [opened(item)] : []));
    };
    button.addEventListener("click", () => {
      if (!open.delete(key)) open.add(key);
      show();
    });
    show();
    const cells = item.answers.map((one) =>
      el("td", { dir: "auto" }, mark(one), el("span", { className: "sr-only" }, `${one.verdict}: `), ` ${one.extracted}`),
    );
    const row = el("tr", {}, el("th", { scope: "row" }, button), el("td", { dir: "auto" }, item.gold), ...cells);
    return [row, detail];
  };

  return {
    update(next) {
      const same = value?.id === next.id;
      const spoken = language === FusionLens.speech.now;
      language = FusionLens.speech.now;
      value = next;
      sentence.textContent = value.sentence;
      table.hidden = !value.items.length;
      more.hidden = !value.more;
      more.textContent = say("Show {count} more", { count: value.more });
      if (!same) open = new Set();
      const names = [say("Item"), say("Right answer"), ...value.methods];
      const heads = names.map((name) => el("th", { scope: "col", dir: "auto" }, name));
      const body = table.querySelector("tbody");
      if (same && spoken && body && value.items.length >= count) {
        body.append(...value.items.slice(count).flatMap((item, place) => rows(item, count + place)));
        // The button may be gone now: the keyboard goes on at the first new item.
        if (document.activeElement === document.body || document.activeElement === more)
          body.querySelectorAll("button.question")[count]?.focus();
      } else {
        const fresh = value.items.flatMap(rows);
        table.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...fresh)));
      }
      count = value.items.length;
    },
  };
});
