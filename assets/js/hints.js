// Says at each button that cannot be used why: on hover and to screen readers.
FusionLens.define("hints", (root) => {
  let known = [];
  let reasons = {};
  let due = false;
  root.hidden = true;
  const apply = () => {
    due = false;
    for (const id of known) {
      const button = document.getElementById(id);
      const said = reasons[id];
      if (!button || button.title === (said ?? "")) continue;
      if (said) {
        button.title = said;
        button.setAttribute("aria-description", said);
      } else {
        button.removeAttribute("title");
        button.removeAttribute("aria-description");
      }
    }
  };
  // The page draws some buttons later than this panel, such as those in a closed box.
  new MutationObserver(() => {
    if (!due) requestAnimationFrame(apply);
    due = true;
  }).observe(document.body, { childList: true, subtree: true });
  return {
    update(next) {
      reasons = next;
      known = [...new Set([...known, ...Object.keys(next)])];
      apply();
    },
  };
});
