// Example questions: a click asks the question.
FusionLens.define("examples", (root, trigger) => {
  const { el } = FusionLens;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Example questions");
  return {
    update({ buttons }) {
      root.replaceChildren(
        ...buttons.map(({ label, description }, index) => {
          const button = el("button", { type: "button", className: "example", title: description }, label);
          button.addEventListener("click", () => trigger("example", { index }));
          return button;
        }),
      );
    },
  };
});
