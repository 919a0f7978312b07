// Terms explain themselves: on hover, focus and tap, one box beside the term says what it means.
(() => {
  const { el } = FusionLens;
  const box = el("div", { id: "fl-tip", hidden: true, at: { role: "tooltip" } });
  let shown = null;
  let described = null;
  // The pointer may cross from a term to its box: it hides a moment later.
  let leaving;

  const hide = () => {
    clearTimeout(leaving);
    box.hidden = true;
    described?.removeAttribute("aria-describedby");
    shown = described = null;
  };
  const place = () => {
    const at = shown.getBoundingClientRect();
    const { width, height } = box.getBoundingClientRect();
    const room = document.documentElement.clientWidth - width - 8;
    const below = at.bottom + height + 12 < window.innerHeight;
    box.style.left = `${Math.max(8, Math.min(at.left, room))}px`;
    box.style.top = `${below ? at.bottom + 6 : Math.max(4, at.top - height - 6)}px`;
  };
  // focused: what has the focus and is described by the box; a control, where the term is its label.
  const show = (term, focused = term) => {
    clearTimeout(leaving);
    if (shown === term) return;
    hide();
    shown = term;
    described = focused;
    box.textContent = term.dataset.tip;
    // Inside the landmark that the term is in.
    (document.querySelector(".gradio-container main") ?? document.body).append(box);
    box.hidden = false;
    described.setAttribute("aria-describedby", box.id);
    place();
  };
  // The focus itself may scroll its term into view: the box of a focused term goes along while the
  // term is there.
  const scrolled = () => {
    if (!shown) return;
    const { top, bottom } = shown.getBoundingClientRect();
    if (described === document.activeElement && bottom > 0 && top < window.innerHeight) place();
    else hide();
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
    else if (box.contains(event.target)) clearTimeout(leaving);
    else if (shown && !shown.contains(document.querySelector(":focus-visible"))) {
      // A choice that was clicked keeps the focus; its explanation would lie over the grid.
      clearTimeout(leaving);
      leaving = setTimeout(hide, 200);
    }
  });
  document.addEventListener("focusin", (event) => {
    const term = termOf(event);
    if (term) show(term, event.target);
    else hide();
  });
  document.addEventListener("click", (event) => {
    const term = termOf(event);
    if (!term) return box.contains(event.target) || hide();
    // The label of a field would pass the focus on to the field, and the explanation would be gone.
    if (term.classList.contains("term") && term.closest("label")) event.preventDefault();
    show(term);
  });
  // Safari on phones sends no click for a tap beside a term.
  document.addEventListener("pointerdown", ({ target }) => shown && !shown.contains(target) && !box.contains(target) && hide());
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  window.addEventListener("scroll", scrolled, { passive: true, capture: true });
})();
