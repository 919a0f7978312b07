// Example questions: a click asks one.
FusionLens.define("chips", (root, trigger) => {
  const { el } = FusionLens;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Example questions");
  return {
    update(examples) {
      root.replaceChildren(
        el("span", { className: "lead" }, "Try"),
        ...examples.map((example, index) => {
          const chip = el("button", { type: "button", className: "chip", title: example.said }, example.label);
          chip.addEventListener("click", () => trigger("chip", { index }));
          return chip;
        }),
      );
    },
  };
});
