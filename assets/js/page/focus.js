// A focused button loses the focus when it is disabled. When a request ends, Ask gets the focus back
// if the visitor pressed Ask or Stop, or went to Ask while it was disabled and to nothing else since.
(() => {
  let last = null;
  let from = null;
  document.addEventListener("focusin", (event) => (last = event.target.id));
  const ask = () => document.getElementById("ask");
  const focus = () => ask().focus({ preventScroll: true });
  const restore = (changes) => {
    if (!changes.some(({ target }) => target.id === "ask" && !target.disabled)) return;
    const here = document.activeElement;
    const nowhere = here === document.body;
    // A button that began it may be hidden by now, and has lost the focus with that.
    const waits = from && (here === from || (nowhere && !from.offsetParent));
    if (waits || (nowhere && ["ask", "stop"].includes(last))) focus();
    from = null;
  };
  const watch = () =>
    new MutationObserver(restore).observe(document.body, { subtree: true, attributeFilter: ["disabled"] });
  if (document.body) watch();
  else document.addEventListener("DOMContentLoaded", watch);

  FusionLens.focusAsk = () => {
    if (ask().disabled) from = document.activeElement;
    else focus();
  };
})();
