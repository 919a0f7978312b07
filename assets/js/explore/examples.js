// Example questions: a click asks the question. An example in another language has an English gloss.
FusionLens.define("examples", (root, trigger) => {
  const { el, say, words } = FusionLens;
  const list = el("div", { className: "list", at: { role: "group", "aria-label": words("Example questions") } });
  const gloss = el("p", { className: "gloss", hidden: true });
  root.append(list, gloss);
  let buttons = [];
  let shown = "";
  const explain = (query) => {
    const own = buttons.find((one) => one.gloss && one.query.trim() === (query ?? "").trim());
    gloss.hidden = !own;
    gloss.textContent = own ? say("In English: {gloss}", { gloss: own.gloss }) : "";
  };
  const show = (query) => {
    shown = query;
    explain(query);
  };
  // Of the question that the grid and the answers are about; while the next is traced, of that one.
  FusionLens.listen("question", show, root);
  FusionLens.listen("old", (on) => explain(on ? document.querySelector("#query textarea")?.value : shown), root);
  return {
    update(value) {
      ({ buttons } = value);
      list.replaceChildren(
        ...buttons.map(({ label, description }, index) => {
          const button = el("button", { type: "button", className: "example", title: description }, label);
          button.addEventListener("click", () => trigger("example", { index }));
          return button;
        }),
      );
      show(shown);
    },
  };
});
