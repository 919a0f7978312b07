// Gives the reason of each disabled button: on hover, for screen readers, and for touch and keys as a
// text beside the button.
FusionLens.define("hints", (root) => {
  const { el } = FusionLens;
  let known = [];
  let reasons = {};
  let written = [];
  let scheduled = false;
  const notes = {};
  root.hidden = true;
  const describe = (button, reason) => {
    if (button.title === (reason ?? "")) return;
    if (reason) {
      button.title = reason;
      button.setAttribute("aria-description", reason);
    } else {
      button.removeAttribute("title");
      button.removeAttribute("aria-description");
    }
  };
  const apply = () => {
    scheduled = false;
    // If neighbours have the same reason, it is written beside the last of them.
    const last = new Map();
    for (const id of known) {
      const button = document.getElementById(id);
      if (!button) continue;
      describe(button, reasons[id]);
      if (!written.includes(id)) continue;
      if (!last.has(button.parentElement)) last.set(button.parentElement, {});
      last.get(button.parentElement)[reasons[id]] = button;
    }
    const places = new Map();
    for (const buttons of last.values()) for (const [reason, button] of Object.entries(buttons)) places.set(button.id, [button, reason]);
    for (const id of known) {
      const [button, reason] = places.get(id) ?? [];
      if (!button) notes[id]?.remove();
      else {
        notes[id] ??= el("p", { className: "button-reason" });
        if (notes[id].textContent !== reason) notes[id].textContent = reason;
        if (notes[id].previousSibling !== button) button.after(notes[id]);
      }
    }
  };
  // The page draws some buttons after this panel, for example those in a closed accordion.
  new MutationObserver(() => {
    if (!scheduled) requestAnimationFrame(apply);
    scheduled = true;
  }).observe(document.body, { childList: true, subtree: true });
  return {
    update(next) {
      ({ reasons, written } = next);
      known = [...new Set([...known, ...Object.keys(reasons)])];
      apply();
    },
  };
});
