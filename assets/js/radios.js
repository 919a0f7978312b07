// Gradio gives the radio buttons of one group names of their own once it draws them anew; the arrow
// keys then lead nowhere. Whoever comes to a group, or presses a key in it, finds one group.
(() => {
  const unite = ({ target }) => {
    const group = target.type === "radio" && target.closest("fieldset, .block");
    if (!group) return;
    for (const one of group.querySelectorAll("input[type=radio]")) one.name = `fl-${group.id}`;
  };
  document.addEventListener("focusin", unite);
  document.addEventListener("keydown", unite, true);
})();
