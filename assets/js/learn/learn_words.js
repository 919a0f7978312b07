// Texts in the language of the student, and their small markup.
(() => {
  const { el, lessons } = FusionLens;

  // The value of each name in braces; in one pass, since a value may hold braces itself.
  lessons.fill = (text, facts = {}) => text.replace(/\{(\w+)\}/g, (all, name) => (Object.hasOwn(facts, name) ? facts[name] : all));

  // words("lesson.next"): a text of the tab itself.
  lessons.words = (texts, language) => {
    const known = Object.hasOwn(texts, language) ? language : "en";
    const words = (path, facts) => {
      const found = path.split(".").reduce((table, key) => table?.[key], texts[known]);
      return typeof found === "string" ? lessons.fill(found, facts) : found;
    };
    words.language = known;
    words.languages = Object.entries(texts).map(([code, own]) => [code, own.language]);
    words.number = (value, digits = 2) => value.toLocaleString(known, { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "\u2212");
    words.percent = (share) => share.toLocaleString(known, { style: "percent", maximumFractionDigits: 0 });
    return words;
  };

  // What the texts of an outcome may name.
  lessons.facts = ({ facts, numbers }) => ({ ...facts, ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, FusionLens.numeral(value)])) });

  // Text with **strong** parts, without any other markup. Facts come in last: a label may hold the marks.
  const strong = (text, facts) => text.split("**").map((part, at) => (at % 2 ? el("strong", {}, lessons.fill(part, facts)) : lessons.fill(part, facts)));
  // Words such as “qa-FLoRA” and “décide-t-il” stay on one line.
  const HYPHENATED = /((?<![\p{L}-])\p{L}{1,12}(?:-\p{L}{1,8}){1,2}(?![\p{L}-]))/u;
  lessons.unbroken = (part) => (typeof part !== "string" ? [part] : part.split(HYPHENATED).map((word, at) => (at % 2 ? el("span", { className: "unbroken" }, word) : word)));
  const paragraphs = (text) => text.trim().split(/\n\s*\n/).map((one) => one.replace(/[ \n]+/g, " "));
  lessons.line = (tag, options, text, facts) => el(tag, options, ...strong(text, facts).flatMap(lessons.unbroken));
  // Paragraphs, in which the terms of the page's glossary explain themselves.
  const explained = (ones, language, facts) => {
    const seen = new Set();
    const terms = (part) => (language === FusionLens.speech.now && typeof part === "string" ? FusionLens.terms(part, seen) : [part]);
    return el("div", { className: "words" }, ...ones.map((one) => el("p", {}, ...strong(one, facts).flatMap(terms).flatMap(lessons.unbroken))));
  };
  lessons.prose = (text, language, facts) => explained(paragraphs(text), language, facts);
  // A question: its first paragraph is the title, what follows helps to answer it.
  lessons.question = (text, language, facts) => {
    const [title, ...rest] = paragraphs(text);
    return { title: lessons.fill(title, facts), body: rest.length ? [explained(rest, language, facts)] : [] };
  };

  // A page is drawn anew at each change: what had the focus gets it again by its key.
  lessons.keyed = (node, key) => {
    node.dataset.key = key;
    return node;
  };
  lessons.focusKey = (root) => {
    const node = document.activeElement;
    if (!root.contains(node) || node === root) return null;
    if (node.name && ["radio", "checkbox"].includes(node.type)) return `[name="${node.name}"][value="${CSS.escape(node.value)}"]`;
    return node.dataset.key ? `[data-key="${node.dataset.key}"]` : node.id ? `#${CSS.escape(node.id)}` : "h2";
  };

  lessons.button = (label, action, className = "", options = {}) => {
    const button = el("button", { type: "button", className, textContent: label, ...options });
    button.addEventListener("click", action);
    return button;
  };

  // The label of a choice: of the collection or the run, or a text of the lesson.
  lessons.label = (texts, ask, option, facts) => option.label || lessons.fill(texts.ask[ask]?.choices?.[option.key] ?? option.key, facts);

  // A choice in large tiles. chosen: the keys that are chosen; change: told about the new keys.
  lessons.choice = ({ legend, name, options, several = false, chosen = [], disabled = false, change = () => {} }) => {
    const box = el("fieldset", { className: "tiles", disabled }, el("legend", { className: "sr-only" }, legend));
    const keys = () => [...box.querySelectorAll("input:checked")].map((input) => input.value);
    for (const { key, label } of options) {
      const input = el("input", { type: several ? "checkbox" : "radio", name, value: key, checked: chosen.includes(key) });
      input.addEventListener("change", () => change(keys()));
      box.append(el("label", { className: "tile", dir: "auto" }, input, el("span", {}, label)));
    }
    return box;
  };

  // Asks before work is deleted. ask: the question; then: what deletes.
  lessons.sure = (page, label, ask, then) => {
    const { words } = page;
    const place = el("span", { className: "ask" });
    const first = lessons.button(label, () => {
      const yes = lessons.button(words("overview.yes"), then);
      const no = lessons.button(words("overview.no"), () => {
        place.replaceChildren(first);
        first.focus();
      }, "quiet");
      place.replaceChildren(el("span", { at: { role: "alert" } }, ask), yes, no);
      no.focus();
    }, "quiet");
    place.append(first);
    return place;
  };

  lessons.language = (page) => {
    const select = el("select", { at: { "aria-label": page.words("overview.choose") } });
    for (const [code, name] of page.words.languages) select.append(el("option", { value: code, textContent: name, lang: code, selected: code === page.words.language }));
    select.addEventListener("change", () => page.speak(select.value));
    return lessons.keyed(select, "language");
  };

  // Saves a text as a file.
  lessons.saveFile = (name, media, text) => {
    const address = URL.createObjectURL(new Blob([text], { type: `${media};charset=utf-8` }));
    const anchor = el("a", { href: address, download: name });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
})();
