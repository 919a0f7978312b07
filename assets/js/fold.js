// On a narrow page the controls would stand between the question and the grid: there they are folded
// away under one button. On a wide page nothing is folded and the button is not shown.
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
