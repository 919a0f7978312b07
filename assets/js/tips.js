// Terms explain themselves: on hover, focus and tap, one box beside the term says what it means.
(() => {
  const { el } = FusionLens;
  const box = el("div", { id: "fl-tip", hidden: true, at: { role: "tooltip" } });
  let shown = null;

  const hide = () => {
    box.hidden = true;
    shown?.removeAttribute("aria-describedby");
    shown = null;
  };
  const show = (term) => {
    if (shown === term) return;
    hide();
    shown = term;
    box.textContent = term.dataset.tip;
    (document.querySelector(".gradio-container") ?? document.body).append(box);
    box.hidden = false;
    term.setAttribute("aria-describedby", box.id);
    const at = term.getBoundingClientRect();
    const { width, height } = box.getBoundingClientRect();
    const room = document.documentElement.clientWidth - width - 8;
    const below = at.bottom + height + 12 < window.innerHeight;
    box.style.left = `${Math.max(8, Math.min(at.left, room))}px`;
    box.style.top = `${below ? at.bottom + 6 : Math.max(4, at.top - height - 6)}px`;
  };
  const termOf = ({ target }) => target.closest?.("[data-tip]");

  // Makes an element a term with an explanation; the element must hold text alone.
  FusionLens.explain = (node, text) => {
    if (!text) return node;
    node.dataset.tip = text;
    node.classList.add("term");
    node.tabIndex = 0;
    return node;
  };

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const term = termOf(event);
    if (term) show(term);
    else if (shown && shown !== document.activeElement && event.target !== box) hide();
  });
  document.addEventListener("focusin", (event) => {
    const term = termOf(event);
    if (term) show(term);
    else hide();
  });
  document.addEventListener("click", (event) => (termOf(event) ? show(termOf(event)) : hide()));
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  window.addEventListener("scroll", hide, { passive: true, capture: true });
})();
