// Answers side by side, one token at a time. A token is drawn once and then kept.
FusionLens.define("answers", (root) => {
  const { el } = FusionLens;
  const title = el("h2", {}, "Answers");
  const sentence = el("p", { className: "sentence" });
  const cards = el("div", { className: "cards" });
  root.append(title, sentence, cards);
  let run = null;
  let drawn = [];
  // How answers from divergences differ from the grid, whose settings may change after the answers.
  let answerNote = "";
  const showNote = () => {
    for (const { node, note } of drawn) note.textContent = node.dataset.divergence ? answerNote : "";
  };
  FusionLens.listen("answer-note", (note) => {
    answerNote = note;
    showNote();
  });

  const card = (row, index) => {
    const name = el("h3", { dir: "auto" }, row.label);
    const note = el("span", { className: "answer-note", at: { role: "status" } });
    const summary = el("p", { className: "summary" }, row.summary, note);
    const text = el("div", { className: "text", tabIndex: 0, dir: "auto", at: { role: "group", "aria-label": `Answer of ${row.label}` } });
    const facts = el("div", { className: "facts" });
    const about = row.method ? FusionLens.aboutMethod(row.method, row.label) : null;
    const copy = el("button", { type: "button", className: "quiet", textContent: "Copy" });
    copy.setAttribute("aria-label", `Copy the answer of ${row.label}`);
    copy.addEventListener("click", async () => {
      const done = await FusionLens.copy(text.textContent);
      copy.textContent = done ? "Copied" : "Copy it by hand";
      setTimeout(() => (copy.textContent = "Copy"), done ? 1200 : 4000);
    });
    // The probability of the selected token, for touch and keys, which cannot hover.
    const token = el("div", { className: "token", dir: "auto", at: { "aria-live": "polite" } });
    const select = (span) => {
      text.querySelector(".selected")?.classList.remove("selected");
      span.classList.add("selected");
      span.scrollIntoView({ block: "nearest" });
      token.textContent = span.title.replace("\n", " · ");
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
    const node = el("article", { className: "card", data: { row: row.name, divergence: row.of_divergence ? "1" : "" } }, head, summary, text, token, facts);
    cards.append(node);
    drawn[index] = { node, note, text, facts, count: 0 };
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
        const { node, text, facts, count } = drawn[index];
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
        facts.textContent = row.facts;
      });
    },
  };
});
