// Answers side by side, growing in lock step. Tokens already shown are never drawn again.
FusionLens.define("answers", (root) => {
  const { el } = FusionLens;
  const title = el("h2", {}, "What it changes");
  const sentence = el("p", { className: "sentence" });
  const cards = el("div", { className: "cards" });
  root.append(title, sentence, cards);
  let run = null;
  let shown = [];

  const card = (row, index) => {
    const name = el("h3", { title: row.summary, dir: "auto" }, row.label);
    const text = el("div", { className: "text", tabIndex: 0, dir: "auto", at: { role: "group", "aria-label": `Answer of ${row.label}` } });
    const facts = el("div", { className: "facts" });
    const copy = el("button", { type: "button", className: "quiet", textContent: "Copy" });
    copy.setAttribute("aria-label", `Copy the answer of ${row.label}`);
    copy.addEventListener("click", async () => {
      await navigator.clipboard?.writeText(text.textContent).catch(() => {});
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1200);
    });
    const node = el("article", { className: "card", data: { row: row.name } }, el("header", {}, name, copy), text, facts);
    cards.append(node);
    shown[index] = { node, text, facts, count: 0 };
  };

  return {
    update(value) {
      if (value.run !== run || value.rows.length !== shown.length) {
        run = value.run;
        shown = [];
        cards.replaceChildren();
        value.rows.forEach(card);
      }
      cards.dataset.count = value.rows.length;
      root.dataset.empty = value.rows.length ? "" : "1";
      root.dataset.state = value.state;
      sentence.textContent = value.sentence;
      value.rows.forEach((row, index) => {
        const { node, text, facts, count } = shown[index];
        // What a busy page has missed comes again with the next whole update.
        const fresh = count < row.from ? [] : row.tokens.slice(count - row.from);
        fresh.forEach(([delta, probability, token], offset) => {
          const parts = row.parts === count + offset;
          const span = el("span", { className: parts ? "t parts" : "t", textContent: delta });
          span.style.setProperty("--p", probability);
          span.title = `${token}  ${(100 * probability).toFixed(1)} %${parts ? "\n" + row.parted : ""}`;
          text.append(span);
        });
        shown[index].count += fresh.length;
        if (row.parts !== null) text.children[row.parts]?.classList.add("parts");
        node.dataset.end = row.end ?? "";
        facts.textContent = row.facts;
      });
    },
  };
});
