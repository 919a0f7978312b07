// When Gradio draws the radio buttons of a group again, each gets its own name, and the arrow keys no
// longer work. On focus and on each key, the buttons of a group get one name again.
(() => {
  const unite = ({ target }) => {
    const group = target.type === "radio" && target.closest("fieldset, .block");
    if (!group) return;
    for (const input of group.querySelectorAll("input[type=radio]")) input.name = `fl-${group.id}`;
  };
  document.addEventListener("focusin", unite);
  document.addEventListener("keydown", unite, true);
})();
