// Shared by all panels: mounting, elements, the theme, and Plotly once it is loaded.
(() => {
  "use strict";
  const kinds = {};
  const mounted = [];
  const themed = new Set();
  const listeners = {};
  // Plotly's script loads after this script, or fails to load.
  const plotly = new Promise((resolve) => {
    const ended = ({ target }) => target.id === "fl-plotly" && resolve(window.Plotly);
    for (const end of ["load", "error"]) document.addEventListener(end, ended, true);
  });

  // Words as a text that can be said again.
  const asNode = (child) => {
    if (!(child instanceof FusionLens.Words)) return child;
    const text = document.createTextNode(String(child));
    text.flWords = [() => (text.data = String(child))];
    return text;
  };

  // A narrow panel has shorter labels, a low window lower rows. A panel has no width while its tab is
  // closed: what was drawn then is drawn anew once it is open.
  const redrawWhenResized = (root, panel) => {
    let size = null;
    let pending;
    const check = () => {
      const now = root.clientWidth ? `${root.clientWidth} ${window.innerHeight}` : "";
      if (now === size) return;
      const first = size === null;
      size = now;
      clearTimeout(pending);
      if (now && !first) pending = setTimeout(() => panel.theme(), 150);
    };
    new ResizeObserver(check).observe(root);
    window.addEventListener("resize", check);
  };

  const tabOf = (root) => root.closest('[role="tabpanel"]');

  const FusionLens = {
    // make(root, trigger, events) returns {update(value), theme?(), speak?(value)}. Without `speak`, a
    // panel says its words in another language with `update`.
    define(kind, make) {
      kinds[kind] = make;
    },

    // events: The names of the events that somebody listens to.
    mount(kind, element, props, trigger, watch, events = []) {
      const root = element.querySelector(".fl-panel");
      const panel = kinds[kind](root, trigger, events);
      let current;
      let moment = 0;
      const update = () => {
        if (props.value === current || !props.value) return;
        current = props.value;
        const next = FusionLens.read(current);
        // Replies of two events at once may overtake each other: an older one draws nothing.
        if (next?.moment && next.moment < moment) return;
        moment = next?.moment || moment;
        panel.update(next);
      };
      watch("value", update);
      update();
      if (panel.theme) {
        themed.add(panel);
        redrawWhenResized(root, panel);
      }
      mounted.push({ root, speak: () => current && (panel.speak ?? panel.update)(FusionLens.read(current)) });
    },

    // In another language: what `el` has drawn with words, then each panel.
    sayAgain() {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) walker.currentNode.flWords?.forEach((again) => again());
      for (const panel of mounted) if (panel.root.isConnected) panel.speak();
    },

    // An element with properties, data-* under `data`, attributes under `at`, and children as text or nodes.
    // Properties, attributes and children may be `FusionLens.words`.
    el(tag, { data = {}, at = {}, ...properties } = {}, ...children) {
      const node = document.createElement(tag);
      Object.assign(node.dataset, data);
      const set = (name, value) => (node[name] = value instanceof FusionLens.Words ? String(value) : value);
      const setAt = (name, value) => node.setAttribute(name, value);
      for (const [values, how] of [[properties, set], [at, setAt]]) {
        for (const [name, value] of Object.entries(values)) {
          how(name, value);
          if (value instanceof FusionLens.Words) (node.flWords ??= []).push(() => how(name, value));
        }
      }
      node.append(...children.filter((child) => child !== null && child !== undefined).map(asNode));
      return node;
    },

    // Panels send messages to each other by name. A message of a panel in a tab stays in that tab,
    // where another tab may have panels of the same kind. root: of the panel; none for all tabs.
    listen: (name, callback, root) => (listeners[name] ??= []).push({ callback, root }),
    send(name, message, root) {
      for (const { callback, root: other } of listeners[name] ?? []) {
        if (!root || !other || tabOf(root) === tabOf(other)) callback(message);
      }
    },

    dark: () => document.body.classList.contains("dark"),

    // Plotly, or undefined if its script failed to load.
    plotly: () => plotly,

    // Opens a tab by its title, and tells whether it is there.
    openTab(title) {
      const buttons = document.querySelectorAll('.tab-wrapper [role="tab"]');
      const tab = [...buttons].find((button) => FusionLens.english(button).trim() === title);
      tab?.click();
      return Boolean(tab);
    },

    showMissing(figure) {
      const text = FusionLens.words("This chart cannot be drawn, because its script did not load. You can show the numbers as a table, or load the page again.");
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

    // Calls back when Gradio has drawn or changed anything, at most once for each frame.
    whenChanged(callback) {
      let scheduled = false;
      const changed = () => {
        if (scheduled) return;
        scheduled = true;
        requestAnimationFrame(() => {
          scheduled = false;
          callback();
        });
      };
      const watch = () => new MutationObserver(changed).observe(document.body, { childList: true, subtree: true, characterData: true });
      if (document.body) watch();
      else document.addEventListener("DOMContentLoaded", watch);
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

  // The visitor's language among some: of the address, chosen before, or of the browser; else English.
  FusionLens.LANGUAGE = "fusion-lens-language";
  FusionLens.language = (known) => {
    const given = new URLSearchParams(location.search).get("language");
    const wished = [given, stored((storage) => storage.getItem(FusionLens.LANGUAGE)), ...navigator.languages].filter(Boolean);
    const fits = wished.map((code) => known.find((one) => one === code) ?? known.find((one) => one === code.split("-")[0]));
    return fits.find(Boolean) ?? "en";
  };

  const begin = () => {
    const given = new URLSearchParams(location.search).get("__theme");
    const kept = stored((storage) => storage.getItem("fusion-lens-theme"));
    if (!given && kept) document.body.classList.toggle("dark", kept === "dark");
    const redraw = () => themed.forEach((panel) => panel.theme());
    new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);

  window.FusionLens = FusionLens;
})();
