// What all panels share: mounting, making elements, the theme, and Plotly once it is there.
(() => {
  "use strict";
  const kinds = {};
  const themed = new Set();
  const listeners = {};
  // Plotly is in a script of its own that comes later than this one, or not at all.
  const plotly = new Promise((resolve) => {
    const ended = ({ target }) => target.id === "fl-plotly" && resolve(window.Plotly);
    for (const end of ["load", "error"]) document.addEventListener(end, ended, true);
  });

  const FusionLens = {
    // make(root, trigger) returns {update(value), theme?()}.
    define(kind, make) {
      kinds[kind] = make;
    },

    mount(kind, element, props, trigger, watch) {
      const root = element.querySelector(".fl-panel");
      const panel = kinds[kind](root, trigger);
      let shown;
      const update = () => {
        if (props.value === shown || !props.value) return;
        shown = props.value;
        panel.update(JSON.parse(shown));
      };
      watch("value", update);
      update();
      if (panel.theme) themed.add(panel);
    },

    // An element with properties, data-* under `data`, attributes under `at`, and children as text or nodes.
    el(tag, { data = {}, at = {}, ...properties } = {}, ...children) {
      const node = Object.assign(document.createElement(tag), properties);
      Object.assign(node.dataset, data);
      for (const [name, value] of Object.entries(at)) node.setAttribute(name, value);
      node.append(...children.filter((child) => child !== null && child !== undefined));
      return node;
    },

    // Panels tell each other what happened by name.
    heard: (name, callback) => (listeners[name] ??= []).push(callback),
    tell: (name, what) => (listeners[name] ?? []).forEach((callback) => callback(what)),

    dark: () => document.body.classList.contains("dark"),

    // Plotly, or nothing where its script did not come.
    plotly: () => plotly,

    undrawn(figure) {
      const why = "The picture cannot be drawn: the script that draws it did not load. The numbers are there as a table; load the page again to try once more.";
      figure.replaceChildren(FusionLens.el("p", { className: "note" }, why));
      figure.style.minHeight = "";
    },

    // Puts text on the clipboard and says whether it is there: browsers keep it from pages that come
    // neither over https nor from this machine, as in a classroom, and may refuse it to others.
    async copy(text) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        const here = document.activeElement;
        const box = FusionLens.el("textarea", { value: text, className: "sr-only", at: { "aria-hidden": "true" } });
        document.body.append(box);
        box.select();
        const done = document.execCommand("copy");
        box.remove();
        here?.focus({ preventScroll: true });
        return done;
      }
    },

    // The colour that the page's style gives a variable, as Plotly takes it.
    colour: (name) => getComputedStyle(document.body).getPropertyValue(name).trim(),
  };

  // Some browsers' privacy modes refuse storage: the page then simply forgets the choice.
  const stored = (action) => {
    try {
      return action(window.localStorage);
    } catch {
      return null;
    }
  };
  FusionLens.stored = stored;

  const begin = () => {
    const asked = new URLSearchParams(location.search).get("__theme");
    const kept = stored((storage) => storage.getItem("fusion-lens-theme"));
    if (!asked && kept) document.body.classList.toggle("dark", kept === "dark");
    const redraw = () => themed.forEach((panel) => panel.theme());
    new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    // A narrow page has other labels.
    let turned;
    window.addEventListener("resize", () => {
      clearTimeout(turned);
      turned = setTimeout(redraw, 150);
    });
  };
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);

  window.FusionLens = FusionLens;
})();
