// Terms of the glossary: in the page's own texts and on the labels of controls, each explains itself.
(() => {
  const { el, explain } = FusionLens;
  let sentences = {};
  let labels = {};
  let pattern = null;
  // The spellings of the visitor's language.
  const learn = () => {
    ({ sentences, labels } = FusionLens.terminology());
    const escaped = Object.keys(sentences)
      .sort((one, other) => other.length - one.length)
      .map((spelling) => spelling.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    pattern = escaped.length && new RegExp(`(?<![\\p{L}\\p{N}-])(?:${escaped.join("|")})(?![\\p{L}\\p{N}-])`, "giu");
  };
  learn();

  // A text as nodes, in which each term is explained where it comes first.
  // seen: The explanations that stand in the texts before.
  FusionLens.terms = (text, seen = new Set()) => {
    const nodes = [];
    let from = 0;
    for (const { 0: found, index } of pattern ? text.matchAll(pattern) : []) {
      const tip = sentences[found.toLowerCase()];
      if (!tip || seen.has(tip)) continue;
      seen.add(tip);
      nodes.push(text.slice(from, index), explain(el("span", {}, found), tip));
      from = index + found.length;
    }
    return [...nodes, text.slice(from)].filter((node) => node !== "");
  };

  // The labels of controls are Gradio's: the label as a whole is the term. A choice has the focus and the
  // pointer of its button, so it is no stop of its own for keys.
  const label = (node, stop) => {
    const words = FusionLens.english(node).replace(/ · paper$/, "").trim().toLowerCase();
    const tip = Object.hasOwn(labels, words) ? labels[words] : "";
    if ((node.dataset.tip ?? "") === tip) return;
    if (!tip) return delete node.dataset.tip;
    if (stop) explain(node, tip);
    else node.dataset.tip = tip;
  };
  const all = () => {
    document.querySelectorAll('.controls [data-testid="block-info"]').forEach((node) => label(node, true));
    document.querySelectorAll(".robustness > .label-wrap > span:first-child").forEach((node) => label(node, false));
    document.querySelectorAll('.controls .wrap > label:has(input[type="radio"])').forEach((node) => label(node, false));
  };
  FusionLens.whenChanged(all);
  FusionLens.listen("language", all);
  FusionLens.learnTerms = learn;
})();
