// A button that is disabled while it has the focus loses it. Once a request has ended, Ask takes it
// back: whoever pressed Ask or Stop with a key goes on from there.
(() => {
  let last = null;
  document.addEventListener("focusin", (event) => (last = event.target.id));
  const back = (changes) => {
    const free = changes.some(({ target }) => target.id === "ask" && !target.disabled);
    if (!free || !["ask", "stop"].includes(last) || document.activeElement !== document.body) return;
    document.getElementById("ask").focus({ preventScroll: true });
  };
  const watch = () =>
    new MutationObserver(back).observe(document.body, { subtree: true, attributeFilter: ["disabled"] });
  if (document.body) watch();
  else document.addEventListener("DOMContentLoaded", watch);
})();
