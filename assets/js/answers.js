// Answers side by side, one token at a time. A token is drawn once and then kept.
FusionLens.define("answers", (root, trigger) => {
  const { el } = FusionLens;
  const title = el("h2", { className: "sr-only", id: "answers-title" }, "Answers");
  const sentence = el("p", { className: "sr-only" });
  const cards = el("div", { className: "cards", at: { role: "group", "aria-labelledby": "answers-title" } });
  root.append(title, sentence, cards);
  let run = null;
  let drawn = [];
  // All answers grow together, so that their lines stay beside each other.
  let grown = false;
  const growAll = (to) => {
    grown = to;
    root.dataset.grown = grown ? "1" : "";
    fit();
  };
  // An answer that does not fit fades at its end and offers the rest.
  const fit = () => {
    for (const { text, more } of drawn) {
      const cut = text.scrollHeight > text.clientHeight + 2;
      text.dataset.cut = cut ? "1" : "";
      more.hidden = !cut && !grown;
      more.textContent = grown ? "Less" : "More";
      more.setAttribute("aria-expanded", grown);
    }
  };
  new ResizeObserver(fit).observe(cards);
  // Answers from divergences stay as they are when the settings of the grid change: a line says so,
  // and one button answers again.
  const note = el("span", { at: { role: "status" } });
  const again = el("button", { type: "button", textContent: "Answer again" });
  again.addEventListener("click", () => trigger("again"));
  const drift = el("p", { className: "drift", hidden: true }, note, " ", again);
  cards.before(drift);
  let answerNote = "";
  const showNote = () => {
    const shown = drawn.some(({ node }) => node.dataset.divergence) ? answerNote : "";
    if (note.textContent !== shown) note.textContent = shown;
    drift.hidden = !shown;
    for (const { node } of drawn) node.dataset.old = shown && node.dataset.divergence ? "1" : "";
  };
  FusionLens.listen("answer-note", (next) => {
    answerNote = next;
    showNote();
  });

  const card = (row, index) => {
    const label = el("span", { dir: "auto" }, row.label);
    const dot = row.colour === null ? null : el("span", { className: "dot", at: { "aria-hidden": "true" } });
    const name = el("h3", {}, dot, label);
    FusionLens.explain(label, row.summary);
    const text = el("div", { className: "text", tabIndex: 0, dir: "auto", at: { role: "group", "aria-label": `Answer of ${row.label}` } });
    const verdict = el("span", { className: "verdict", hidden: true });
    const facts = el("span", { className: "facts" });
    const about = row.method ? FusionLens.aboutMethod(row.method, row.label) : null;
    const copy = el("button", { type: "button", className: "quiet", textContent: "Copy" });
    copy.setAttribute("aria-label", `Copy the answer of ${row.label}`);
    copy.addEventListener("click", async () => {
      const done = await FusionLens.copy(text.textContent);
      copy.textContent = done ? "Copied" : "Copy it by hand";
      setTimeout(() => (copy.textContent = "Copy"), done ? 1200 : 4000);
    });
    const more = el("button", { type: "button", className: "quiet more", hidden: true });
    more.addEventListener("click", () => growAll(!grown));
    // The probability of the selected token, for touch and keys, which cannot hover.
    const token = el("span", { className: "token", dir: "auto", at: { "aria-live": "polite" } });
    const select = (span) => {
      text.querySelector(".selected")?.classList.remove("selected");
      span.classList.add("selected");
      const { top, bottom } = text.getBoundingClientRect();
      const box = span.getBoundingClientRect();
      if (box.top < top || box.bottom > bottom) text.scrollTop += box.top - top - 8;
      token.textContent = token.title = span.title.replace("\n", " · ");
    };
    text.addEventListener("click", ({ target }) => target.classList.contains("t") && select(target));
    text.addEventListener("keydown", (event) => {
      const selected = text.querySelector(".selected");
      const to = {
        ArrowLeft: selected?.previousElementSibling,
        ArrowRight: selected ? selected.nextElementSibling : text.firstElementChild,
        Home: text.firstElementChild,
        End: text.lastElementChild,
      }[event.key];
      if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      select(to);
    });
    const head = el("header", {}, name, el("div", { className: "actions" }, about, copy));
    const foot = el("footer", {}, token, verdict, facts, more);
    const node = el("article", { className: "card", data: { row: row.name, divergence: row.of_divergence ? "1" : "" } }, head, text, foot);
    if (row.colour !== null) node.style.setProperty("--own", `var(--adapter-${row.colour})`);
    cards.append(node);
    drawn[index] = { node, text, verdict, facts, more, count: 0 };
  };

  // A method that cannot answer says why, in the place of its answer.
  const missing = (row) => {
    const name = el("h3", { dir: "auto" }, row.label);
    const head = el("header", {}, name, FusionLens.aboutMethod(row.method, row.label));
    const reason = el("p", { className: "reason", dir: "auto" }, ...FusionLens.prose(row.reason));
    return el("article", { className: "card missing", data: { row: row.name } }, head, el("p", { className: "summary" }, "Cannot answer here."), reason);
  };

  return {
    update(value) {
      // Ignore late updates of an older request. Only the first update may belong to a new session.
      if (value.run < run && value.state !== "waiting") return;
      if (value.run !== run || value.rows.length !== drawn.length || value.missing.length !== cards.children.length - drawn.length) {
        run = value.run;
        drawn = [];
        cards.replaceChildren();
        value.rows.forEach(card);
        cards.append(...value.missing.map(missing));
        showNote();
      }
      const count = value.rows.length + value.missing.length;
      cards.dataset.count = count;
      root.dataset.empty = count ? "" : "1";
      root.dataset.state = value.state;
      sentence.textContent = value.sentence;
      value.rows.forEach((row, index) => {
        const { node, text, verdict, facts, count } = drawn[index];
        // After a gap, wait for the next update with all tokens.
        const fresh = count < row.start ? [] : row.tokens.slice(count - row.start);
        fresh.forEach(([delta, probability, token]) => {
          const span = el("span", { className: "t", textContent: delta, data: { token } });
          span.title = `${token}  ${(100 * probability).toFixed(1)}%`;
          text.append(span);
        });
        drawn[index].count += fresh.length;
        const first = row.first_difference === null ? null : text.children[row.first_difference];
        if (first && !first.classList.contains("first-difference")) {
          first.classList.add("first-difference");
          first.title += `\n${row.difference_note}`;
        }
        node.dataset.end = row.end ?? "";
        text.classList.toggle("code", row.code);
        verdict.hidden = !row.verdict;
        verdict.dataset.right = row.verdict?.right ? "1" : "";
        verdict.title = row.verdict?.text ?? "";
        verdict.textContent = row.verdict ? `${row.verdict.right ? "✓" : "✗"} ${row.verdict.text}` : "";
        facts.textContent = facts.title = row.facts;
      });
      fit();
    },
  };
});
