// Shared by all panels: mounting, elements, the theme, and Plotly once it is loaded.
(() => {
  "use strict";
  const kinds = {};
  const themed = new Set();
  const listeners = {};
  // Plotly's script loads after this script, or fails to load.
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
      let current;
      const update = () => {
        if (props.value === current || !props.value) return;
        current = props.value;
        panel.update(JSON.parse(current));
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

    // Panels send messages to each other by name.
    listen: (name, callback) => (listeners[name] ??= []).push(callback),
    send: (name, message) => (listeners[name] ?? []).forEach((callback) => callback(message)),

    dark: () => document.body.classList.contains("dark"),

    // Plotly, or undefined if its script failed to load.
    plotly: () => plotly,

    showMissing(figure) {
      const text = "This chart cannot be drawn, because its script did not load. You can show the numbers as a table, or load the page again.";
      figure.replaceChildren(FusionLens.el("p", { className: "note" }, text));
      figure.style.minHeight = "";
    },

    // Copies text to the clipboard and returns whether that worked. Browsers refuse it to pages that
    // come neither over https nor from this machine, and may refuse it to other pages.
    async copy(text) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        const focused = document.activeElement;
        const box = FusionLens.el("textarea", { value: text, className: "sr-only", at: { "aria-hidden": "true" } });
        document.body.append(box);
        box.select();
        const done = document.execCommand("copy");
        box.remove();
        focused?.focus({ preventScroll: true });
        return done;
      }
    },

    // The value of a colour variable of the page's style, for Plotly.
    colour: (name) => getComputedStyle(document.body).getPropertyValue(name).trim(),
  };

  // Some privacy modes refuse storage: the page then forgets the choice.
  const stored = (action) => {
    try {
      return action(window.localStorage);
    } catch {
      return null;
    }
  };
  FusionLens.stored = stored;

  const begin = () => {
    const given = new URLSearchParams(location.search).get("__theme");
    const kept = stored((storage) => storage.getItem("fusion-lens-theme"));
    if (!given && kept) document.body.classList.toggle("dark", kept === "dark");
    const redraw = () => themed.forEach((panel) => panel.theme());
    new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    // A narrow page has shorter labels.
    let pending;
    window.addEventListener("resize", () => {
      clearTimeout(pending);
      pending = setTimeout(redraw, 150);
    });
  };
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);

  window.FusionLens = FusionLens;
})();
