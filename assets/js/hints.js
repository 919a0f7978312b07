// Says of each button that cannot be used why: on hover, to screen readers, and beside it, where
// neither a finger nor the Tab key would find out.
FusionLens.define("hints", (root) => {
  const { el } = FusionLens;
  let known = [];
  let reasons = {};
  let written = [];
  let due = false;
  const notes = {};
  root.hidden = true;
  const title = (button, said) => {
    if (button.title === (said ?? "")) return;
    if (said) {
      button.title = said;
      button.setAttribute("aria-description", said);
    } else {
      button.removeAttribute("title");
      button.removeAttribute("aria-description");
    }
  };
  const apply = () => {
    due = false;
    // Of neighbours that say the same, the last one has it written beside it.
    const last = new Map();
    for (const id of known) {
      const button = document.getElementById(id);
      if (!button) continue;
      title(button, reasons[id]);
      if (!written.includes(id)) continue;
      if (!last.has(button.parentElement)) last.set(button.parentElement, {});
      last.get(button.parentElement)[reasons[id]] = button;
    }
    const places = new Map();
    for (const said of last.values()) for (const [why, button] of Object.entries(said)) places.set(button.id, [button, why]);
    for (const id of known) {
      const [button, why] = places.get(id) ?? [];
      if (!button) notes[id]?.remove();
      else {
        notes[id] ??= el("p", { className: "why-not" });
        if (notes[id].textContent !== why) notes[id].textContent = why;
        if (notes[id].previousSibling !== button) button.after(notes[id]);
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
      ({ reasons, written } = next);
      known = [...new Set([...known, ...Object.keys(reasons)])];
      apply();
    },
  };
});
