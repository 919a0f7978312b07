// Answers side by side, one token at a time. A token is drawn once and then kept.
let answersPanels = 0;
FusionLens.define("answers", (root, trigger, events) => {
  const { el, say, words } = FusionLens;
  const title = el("h2", { className: "sr-only", id: `answers-title-${++answersPanels}` }, words("Answers"));
  const sentence = el("p", { className: "sr-only" });
  const cards = el("div", { className: "cards", at: { role: "group", "aria-labelledby": title.id } });
  const caption = el("p", { className: "caption", hidden: true, dir: "auto" });
  root.append(title, sentence, caption, cards);
  let run = null;
  const parts = () => run > 0 && events.includes("part");
  // The answers of the shown run can be given again; those of a pinned run cannot.
  const pinned = FusionLens.pinnedAnswers(root, cards, () => drawn, events.includes("again"));
  // The comparison that is there already.
  let compared = "";
  FusionLens.listen("parting", (key) => (compared = key), root);
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
    for (const { text, more, was, verdict, facts } of drawn) {
      const cut = text.scrollHeight > text.clientHeight + 2;
      // So does a verdict, or why an answer ended, that has no room in its line or falls below it.
      const { top } = facts.parentElement.getBoundingClientRect();
      const lost = [was, verdict, facts.firstElementChild].some((line) => line?.scrollWidth > line?.clientWidth + 1 || (line !== was && line?.getBoundingClientRect().top > top + 10));
      text.dataset.cut = cut ? "1" : "";
      more.hidden = !cut && !lost && !grown;
      more.textContent = grown ? "▴" : "▾";
      more.title = grown ? say("Show the beginnings of the answers") : say("Show the whole answers");
      more.setAttribute("aria-label", more.title);
      more.setAttribute("aria-expanded", grown);
    }
  };
  new ResizeObserver(fit).observe(cards);
  // Answers from divergences stay as they are when the settings of the grid change: a line says so,
  // and one button answers again.
  const note = el("span", { at: { role: "status" } });
  const again = el("button", { type: "button", textContent: words("Answer again") });
  again.addEventListener("click", () => trigger("again"));
  const drift = el("p", { className: "drift", hidden: true }, note, " ", again);
  cards.before(drift);
  let answerNote = { text: "", all: false };
  // The base alone and an adapter alone answer the same, whichever adapters are ticked.
  const follows = ({ divergence, row }) => divergence || (answerNote.all && row !== "base" && !row.startsWith("adapter:"));
  const showNote = () => {
    const shown = events.includes("again") && drawn.some(({ node }) => follows(node.dataset)) ? answerNote.text : "";
    if (note.textContent !== shown) note.textContent = shown;
    drift.hidden = !shown;
    for (const { node } of drawn) node.dataset.old = shown && follows(node.dataset) ? "1" : "";
  };
  FusionLens.listen("answer-note", (next) => {
    answerNote = next;
    showNote();
  }, root);

  // While another question is traced, these are the answers to the question before.
  if (events.includes("again")) FusionLens.listen("old", (on) => (root.dataset.before = on ? "1" : ""), root);

  const card = (row, index) => {
    const label = el("span", { dir: "auto" }, row.label);
    const dot = row.colour === null ? null : el("span", { className: "dot", at: { "aria-hidden": "true" } });
    const name = el("h3", {}, dot, label);
    FusionLens.explain(label, row.summary);
    const text = el("div", { className: "text", tabIndex: 0, dir: "auto", at: { role: "group", "aria-label": say("Answer of {name}", { name: row.label }) } });
    const verdict = el("span", { className: "verdict", hidden: true });
    const facts = el("span", { className: "facts" });
    const was = el("span", { className: "was", dir: "auto" });
    const pin = el("p", { className: "pin", hidden: true }, el("span", { className: "key" }, words("Pinned ")), was);
    const about = row.method ? FusionLens.aboutMethod(row.method, row.label) : null;
    const copy = el("button", { type: "button", className: "quiet copy", title: words("Copy"), at: { "aria-label": say("Copy the answer of {name}", { name: row.label }) } });
    copy.addEventListener("click", async () => {
      const done = await FusionLens.copy(text.textContent);
      copy.dataset.done = done ? "1" : "";
      token.textContent = done ? say("Copied") : say("Select the answer and copy it by hand.");
      setTimeout(() => {
        copy.dataset.done = token.textContent = "";
      }, done ? 1200 : 4000);
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
    // The server can say what both answers would have said at the mark; the stored example cannot.
    const compare = el("button", { type: "button", className: "quiet compare", hidden: true, textContent: "≠", title: words("Compare where it parts") });
    compare.setAttribute("aria-label", say("Compare the answer of {name} where it parts", { name: row.label }));
    compare.addEventListener("click", () => {
      if (compared === `${run}/${row.name}`) FusionLens.send("show-parting", null, root);
      else trigger("part", { name: row.name });
    });
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
    const said = el("div", { className: "said" }, token, verdict, facts);
    const foot = el("footer", {}, said, compare, more);
    const node = el("article", { className: "card", data: { row: row.name, divergence: row.of_divergence ? "1" : "" } }, head, text, foot, pin);
    if (row.colour !== null) node.style.setProperty("--own", `var(--adapter-${row.colour})`);
    cards.append(node);
    drawn[index] = { node, text, verdict, facts, compare, more, pin, was, count: 0 };
  };

  // A method that cannot answer says why, in the place of its answer.
  const missing = (row) => {
    const name = el("h3", { dir: "auto" }, row.label);
    const head = el("header", {}, name, FusionLens.aboutMethod(row.method, row.label));
    const reason = el("p", { className: "reason", dir: "auto" }, ...FusionLens.prose(row.reason));
    return el("article", { className: "card missing", data: { row: row.name } }, head, el("p", { className: "summary" }, say("Cannot answer here.")), reason);
  };

  // A narrow page has one row that moves sideways: the fused answer comes right after the base's.
  const narrow = matchMedia("(max-width: 1000px)");
  const arrange = () => {
    const nodes = drawn.map(({ node }) => node);
    const at = nodes.findIndex(({ dataset }) => dataset.row === "qa-flora");
    const second = nodes[0]?.dataset.row === "base" ? 1 : 0;
    if (narrow.matches && at > second) nodes.splice(second, 0, ...nodes.splice(at, 1));
    // A card that is moved loses its focus and its scroll position.
    if (nodes.some((node, place) => cards.children[place] !== node)) cards.prepend(...nodes);
  };
  narrow.addEventListener("change", arrange);

  const panel = {
    update(value) {
      // Ignore late updates of an older request. Only the first update may belong to a new session.
      if (value.run < run && value.state !== "waiting") return;
      if (value.run !== run || value.rows.length !== drawn.length || value.missing.length !== cards.children.length - drawn.length) {
        run = value.run;
        drawn = [];
        cards.replaceChildren();
        value.rows.forEach(card);
        cards.append(...value.missing.map(missing));
        arrange();
        showNote();
      }
      const count = value.rows.length + value.missing.length;
      cards.dataset.count = count;
      root.dataset.empty = count ? "" : "1";
      root.dataset.state = value.state;
      sentence.textContent = value.sentence;
      caption.textContent = value.caption;
      caption.hidden = !value.caption;
      title.textContent = value.caption ? say("Answers of the pinned run") : say("Answers");
      value.rows.forEach((row, index) => {
        const { node, text, verdict, facts, compare, count } = drawn[index];
        // After a gap, wait for the next update with all tokens.
        const fresh = count < row.start ? [] : row.tokens.slice(count - row.start);
        fresh.forEach(([delta, probability, token]) => {
          const span = el("span", { className: "t", textContent: delta, data: { token } });
          span.title = `${token}  ${FusionLens.numeral(`${(100 * probability).toFixed(1)}%`)}`;
          text.append(span);
        });
        drawn[index].count += fresh.length;
        const first = row.first_difference === null ? null : text.children[row.first_difference];
        if (first && !first.classList.contains("first-difference")) {
          first.classList.add("first-difference");
          first.title += `\n${row.difference_note}`;
        }
        compare.hidden = !first || !parts() || !["done", "stopped"].includes(value.state);
        node.dataset.end = row.end ?? "";
        text.classList.toggle("code", row.code);
        verdict.hidden = !row.verdict;
        verdict.dataset.right = row.verdict?.right ? "1" : "";
        verdict.title = [row.verdict?.text, row.facts].filter(Boolean).join(" · ");
        verdict.textContent = row.verdict ? `${row.verdict.right ? "✓" : "✗"} ${row.verdict.text}` : "";
        // A fact without room falls onto a second line, which a grown answer shows.
        facts.title = row.facts;
        facts.replaceChildren(...row.facts.split(" · ").map((fact, place) => el("span", {}, place ? ` · ${fact}` : fact)));
      });
      pinned.update(value);
      fit();
    },
    // In another language, the cards are made anew from all their tokens.
    speak(value) {
      if (value.rows.every(({ start }) => !start)) run = undefined;
      panel.update(value);
    },
  };
  return panel;
});
