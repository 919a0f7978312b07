// The adapters of the page: what each is, and how strongly it changes which linear in which layer.
FusionLens.define("adapters", (root, trigger) => {
  const { el, say, words } = FusionLens;
  const sentence = el("p", { className: "sentence" });
  const message = el("p", { className: "message", at: { role: "status" } });
  const inspected = el("div", { className: "inspected" });
  const cards = el("div", { className: "entries" });
  root.append(el("h2", {}, words("Adapters")), sentence, message, inspected, cards);

  const picture = ({ picture: rows, caption, title }) => {
    const grid = el("div", { className: "picture", at: { role: "img", "aria-label": `${title}: ${caption}` } });
    grid.style.setProperty("--layers", rows[0]?.[1].length ?? 0);
    for (const [linear, shares] of rows) {
      grid.append(el("span", { className: "linear", title: linear }, linear.split(".").pop()));
      shares.forEach((share, layer) => {
        const cell = el("i", { className: share === null ? "none" : "", title: say("{linear}, layer {layer}", { linear, layer }) });
        if (share !== null) cell.style.setProperty("--share", `${Math.round(100 * share)}%`);
        grid.append(cell);
      });
    }
    return el("figure", {}, el("div", { className: "scroll" }, grid), el("figcaption", {}, caption));
  };
  const card = (one) => {
    const heading = el("h3", { at: { dir: "auto" } }, one.title);
    if (one.colour >= 0) heading.prepend(el("span", { className: "dot", at: { "aria-hidden": "true" } }));
    const head = el("header", {}, heading, el("code", {}, one.name));
    const article = el("article", { className: "adapter", data: { name: one.name } }, head);
    if (one.colour >= 0) article.style.setProperty("--own", `var(--adapter-${one.colour})`);
    if (one.refused) article.append(el("p", { className: "refused" }, one.refused));
    for (const remark of one.remarks) article.append(el("p", { className: "remark" }, remark));
    if (one.picture.length) article.append(picture(one));
    article.append(el("dl", {}, ...one.facts.map(([heading, text]) => el("div", {}, el("dt", {}, heading), el("dd", {}, text)))));
    if (one.removable) {
      const button = el("button", { type: "button", className: "quiet", textContent: words("Remove") });
      button.setAttribute("aria-label", say("Remove {name}", { name: one.title }));
      button.addEventListener("click", () => trigger("remove", { name: one.name }));
      head.append(button);
    }
    return article;
  };
  // The question goes along, and is asked anew with the adapters of the other page.
  const withQuestion = (address) => {
    const here = new URLSearchParams(location.search);
    const there = new URL(address, location.origin);
    for (const key of ["q", "__theme", "language"]) if (here.has(key)) there.searchParams.set(key, here.get(key));
    return there;
  };
  let drawn = "";
  return {
    update(value) {
      sentence.textContent = value.sentence;
      message.textContent = value.message;
      message.hidden = !value.message;
      message.classList.toggle("fault", value.failed);
      inspected.replaceChildren(...(value.inspected ? [card(value.inspected)] : []));
      const next = JSON.stringify([value.cards, FusionLens.speech.now]);
      if (next !== drawn) cards.replaceChildren(...value.cards.map(card));
      drawn = next;
      if (value.open) location.assign(withQuestion(value.open));
    },
  };
});
