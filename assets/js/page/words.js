// The page's words in the visitor's language. English stands in the code; the dictionaries of other
// languages are fetched when they are needed. Texts from the server come as patterns with facts, and
// are said here.
(() => {
  const { languages } = FusionLens;
  const dictionaries = {};
  const known = ["en", ...Object.keys(languages)];
  let language = FusionLens.language(known);
  // At the start the page waits for its words, since it would be drawn in English without them. What
  // cannot be fetched stays English.
  if (languages[language]) {
    try {
      const request = new XMLHttpRequest();
      request.open("GET", languages[language].words, false);
      request.send();
      dictionaries[language] = JSON.parse(request.responseText);
    } catch {}
  }
  const fetched = async (code) => {
    if (!languages[code] || dictionaries[code]) return;
    try {
      dictionaries[code] = await (await fetch(languages[code].words)).json();
    } catch {}
  };

  const translated = (english) => {
    const { words } = dictionaries[language] ?? {};
    if (!words) return english;
    if (Object.hasOwn(words, english)) return words[english];
    // At the beginning of a line: the server writes a capital letter, and the entry has a small one.
    const small = english.slice(0, 1).toLowerCase() + english.slice(1);
    if (!Object.hasOwn(words, small)) return english;
    return words[small].slice(0, 1).toLocaleUpperCase(language) + words[small].slice(1);
  };
  // A text of the page in the visitor's language. In one pass: a fact may hold braces itself.
  const say = (english, facts = {}) => translated(english).replace(/\{(\w+)\}/g, (all, name) => (Object.hasOwn(facts, name) ? facts[name] : all));
  FusionLens.say = say;

  // The same for a text that is drawn once: `FusionLens.el` says it again in another language.
  FusionLens.Words = class {
    constructor(english, facts) {
      Object.assign(this, { english, facts });
    }
    toString() {
      return say(this.english, this.facts);
    }
  };
  FusionLens.words = (english, facts) => new FusionLens.Words(english, facts);

  // A number as the visitor's language writes it: "0,25" and "12 %" for "0.25" and "12%".
  const point = () => (1.5).toLocaleString(language).slice(1, -1);
  const percent = () => (0.5).toLocaleString(language, { style: "percent" }).replace("50", "");
  const numeral = (english) => english.replace(/(?<=\d)\.(?=\d)/g, point()).replace(/(?<=\d)%/g, percent());
  FusionLens.numeral = numeral;

  // The content of a panel: each text and number of the server in the visitor's language.
  const said = (key, value) => {
    if (typeof value?.numeral === "string") return numeral(value.numeral);
    if (typeof value?.say === "string") return say(value.say, value.facts);
    return Array.isArray(value?.said) ? value.said.join("") : value;
  };
  FusionLens.read = (json) => JSON.parse(json, said);

  // What the terms of the page mean.
  FusionLens.terminology = () => dictionaries[language] ?? FusionLens.glossary;

  FusionLens.speech = { known, get now() { return language; }, get point() { return point(); } };
  const begin = () => (document.documentElement.lang = language);
  // Changes the language of the whole page, and remembers it.
  let wished = language;
  FusionLens.speak = async (next) => {
    wished = next;
    await fetched(next);
    if (wished !== next) return; // another choice came in the meantime
    FusionLens.stored((storage) => storage.setItem(FusionLens.LANGUAGE, next));
    const here = new URL(location.href);
    here.searchParams.set("language", next);
    history.replaceState(null, "", here);
    language = known.includes(next) ? next : "en";
    begin();
    FusionLens.learnTerms();
    FusionLens.send("language", next);
    FusionLens.sayAgain();
  };
  begin();

  // The labels of Gradio's own components are texts on the page: each is looked up as a whole. What
  // visitors and adapters write is left alone, and so are panels, which say their words themselves.
  const LEFT = ".fl, .button-reason, script, style, #adapters .wrap, #profile-adapters .wrap";
  const ATTRIBUTES = ["placeholder", "aria-label", "title"];
  // Labels with a part that changes; some parts are words of the page themselves.
  const PARTS = ["cost", "count", "remedy", "label", "selection"];
  const CHANGING = [
    "Show every token ({cost})",
    "The mean reads every token: {cost}.",
    "about {seconds} s",
    "Type to search {count} methods. At most {most} answers fit.",
    "{adapter} alone",
    "All {count} adapters on",
    "{selection} (first items of each task: {items}; methods: {count})",
    "{selection} (items: {items}; methods: {count})",
    "Token {index}",
    "{adapters} was not traced with this question: press Ask to add.",
    "{adapters} were not traced with this question: press Ask to add.",
    "All layers are shown. “{written}” cannot be used: {remedy}.",
    "“{written}” cannot be used: {remedy}. All layers stay shown.",
    "“{written}” cannot be used: {remedy}. Only layer {layer} stays shown.",
    "“{written}” cannot be used: {remedy}. Layers {first}–{last} stay shown.",
    "the layers are 0–{last}",
    "write the lower number first, {range}",
    "{count} queries, such as “{query}”",
    "number input for {label}",
    "range slider for {label}",
  ].map((pattern) => {
    const names = [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const form = pattern.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("(.+?)");
    return { pattern, names, form: new RegExp(`^${form}$`) };
  });
  const lookUp = (english) => {
    const found = translated(english);
    if (found !== english) return found;
    for (const { pattern, names, form } of CHANGING) {
      const match = form.exec(english);
      if (match) return say(pattern, Object.fromEntries(names.map((name, at) => [name, PARTS.includes(name) ? lookUp(match[at + 1]) : match[at + 1]])));
    }
    return english;
  };
  const found = (own) => {
    const plain = own.replace(/\s+/g, " ");
    const said = lookUp(plain);
    return said === plain ? own : said;
  };
  // node.flEnglish: by place, the English text and what stands there now.
  const sayAt = (node, place, now, set) => {
    const kept = (node.flEnglish ??= {});
    if (kept[place]?.now !== now) kept[place] = { english: now };
    const { english } = kept[place];
    const next = language === "en" ? english : english.replace(/\S[^]*\S|\S/, found);
    kept[place].now = next;
    if (next !== now) set(next);
  };
  const label = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.data.trim() && node.parentNode.tagName !== "TEXTAREA") sayAt(node, "text", node.data, (next) => (node.data = next));
      return;
    }
    for (const name of ATTRIBUTES) if (node.hasAttribute(name)) sayAt(node, name, node.getAttribute(name), (next) => node.setAttribute(name, next));
    // A list that nobody types into shows its choice as a value.
    if (node.tagName === "INPUT" && node.readOnly) sayAt(node, "value", node.value, (next) => (node.value = next));
  };
  let used = false;
  const labels = () => {
    used ||= language !== "en";
    if (!used) return;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) =>
      node.nodeType === Node.ELEMENT_NODE && node.matches(LEFT) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
    );
    while (walker.nextNode()) label(walker.currentNode);
  };
  FusionLens.whenChanged(labels);
  FusionLens.listen("language", labels);
  // The English text of a label.
  FusionLens.english = (node) => {
    const text = [...node.childNodes].map((child) => (child.nodeType === Node.TEXT_NODE ? child.flEnglish?.text?.english ?? child.data : FusionLens.english(child)));
    return text.join("");
  };
})();
