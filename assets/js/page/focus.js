// A focused button loses the focus when it is disabled. When a request ends, Ask gets the focus back
// if the visitor pressed Ask or Stop.
(() => {
  let last = null;
  document.addEventListener("focusin", (event) => (last = event.target.id));
  const restore = (changes) => {
    const enabled = changes.some(({ target }) => target.id === "ask" && !target.disabled);
    if (!enabled || !["ask", "stop"].includes(last) || document.activeElement !== document.body) return;
    document.getElementById("ask").focus({ preventScroll: true });
  };
  const watch = () =>
    new MutationObserver(restore).observe(document.body, { subtree: true, attributeFilter: ["disabled"] });
  if (document.body) watch();
  else document.addEventListener("DOMContentLoaded", watch);
})();
