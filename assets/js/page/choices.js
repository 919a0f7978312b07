// A chosen entry of a list names itself on its button: Gradio writes "Remove 0", the entry's number.
(() => {
  const name = (token) => {
    const button = token.querySelector('.token-remove, [title^="Remove"], [aria-label^="Remove"]');
    const said = FusionLens.say("Remove {name}", { name: token.querySelector("span")?.textContent.trim() ?? "" }).trim();
    if (!button || button.title === said) return;
    button.title = said;
    button.setAttribute("aria-label", said);
  };
  FusionLens.whenChanged(() => document.querySelectorAll(".gradio-container .token").forEach(name));
})();
