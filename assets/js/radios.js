// Gradio gives radio buttons of one group names of their own once its choices change; the arrow
// keys then lead nowhere. Whoever comes to a group finds one group.
document.addEventListener("focusin", ({ target }) => {
  const group = target.type === "radio" && target.closest("fieldset, .block");
  if (!group) return;
  for (const one of group.querySelectorAll("input[type=radio]")) one.name = `fl-${group.id}`;
});
