// A narrow page hides the controls behind one button, because they would stand between the question
// and the grid. A wide page shows the controls and hides the button.
FusionLens.define("fold", (root) => {
  const { el } = FusionLens;
  const button = el("button", { type: "button", at: { "aria-expanded": "false" } });
  root.append(button);
  button.addEventListener("click", () => {
    const open = root.closest(".controls").classList.toggle("open");
    button.setAttribute("aria-expanded", open);
  });
  return { update: (label) => (button.textContent = label) };
});
