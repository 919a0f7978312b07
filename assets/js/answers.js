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
    const name = el("h3", { dir: "auto" }, row.label);
    const summary = el("p", { className: "summary" }, row.summary);
    const text = el("div", { className: "text", tabIndex: 0, dir: "auto", at: { role: "group", "aria-label": `Answer of ${row.label}` } });
    const facts = el("div", { className: "facts" });
    const copy = el("button", { type: "button", className: "quiet", textContent: "Copy" });
    copy.setAttribute("aria-label", `Copy the answer of ${row.label}`);
    copy.addEventListener("click", async () => {
      const done = await FusionLens.copy(text.textContent);
      copy.textContent = done ? "Copied" : "Select it to copy";
      setTimeout(() => (copy.textContent = "Copy"), done ? 1200 : 4000);
    });
    // One token at a time says on its own how probable it was: a finger or a key cannot hover.
    const token = el("div", { className: "token", dir: "auto", at: { "aria-live": "polite" } });
    const pick = (span) => {
      text.querySelector(".here")?.classList.remove("here");
      span.classList.add("here");
      span.scrollIntoView({ block: "nearest" });
      token.textContent = span.title.replace("\n", " · ");
    };
    text.addEventListener("click", ({ target }) => target.classList.contains("t") && pick(target));
    text.addEventListener("keydown", (event) => {
      const here = text.querySelector(".here");
      const to = {
        ArrowLeft: here?.previousElementSibling,
        ArrowRight: here ? here.nextElementSibling : text.firstElementChild,
        Home: text.firstElementChild,
        End: text.lastElementChild,
      }[event.key];
      if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      pick(to);
    });
    const head = el("header", {}, name, copy);
    const node = el("article", { className: "card", data: { row: row.name } }, head, summary, text, token, facts);
    cards.append(node);
    shown[index] = { node, text, facts, count: 0 };
  };

  return {
    update(value) {
      // What a newer request has replaced may still end; only a beginning may be of another session.
      if (value.run < run && value.state !== "waiting") return;
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
        fresh.forEach(([delta, probability, token]) => {
          const span = el("span", { className: "t", textContent: delta, data: { token } });
          span.title = `${token}  ${(100 * probability).toFixed(1)} %`;
          text.append(span);
        });
        shown[index].count += fresh.length;
        const parting = row.parts === null ? null : text.children[row.parts];
        if (parting && !parting.classList.contains("parts")) {
          parting.classList.add("parts");
          parting.title += `\n${row.parted}`;
        }
        node.dataset.end = row.end ?? "";
        facts.textContent = row.facts;
      });
    },
  };
});
