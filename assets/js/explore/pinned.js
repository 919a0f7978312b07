// The answers of a pinned run beside those of the shown run. If both runs have one question, each card
// has the pinned answer as a line, and the panel of the pinned run keeps only what has no card there.
// of: The panel of the shown run, or of the pinned one. drawn: The cards of the panel.
FusionLens.pinnedAnswers = (root, cards, drawn, ofShown) => {
  const { el, say } = FusionLens;
  const note = el("p", { className: "caption pin-note", hidden: true, at: { role: "status" } });
  let pin = null;
  const showLines = () => {
    let count = 0;
    let same = 0;
    let ended = true;
    for (const { node, text, was, pin: line } of drawn()) {
      const own = pin?.rows.find(({ name }) => name === node.dataset.row);
      line.hidden = !own;
      ended &&= Boolean(node.dataset.end);
      if (!own) continue;
      const equal = node.dataset.end !== "" && text.textContent === own.text;
      const said = equal ? say("the same answer") : `${own.mark}${own.text.trim()}`;
      if (was.textContent !== said) was.textContent = line.title = said;
      count += 1;
      same += equal ? 1 : 0;
    }
    note.hidden = !count;
    if (!count) return;
    const equal = same === count ? say("all answers are the same") : same ? say("{same} of {count} answers are the same", { same, count }) : say("no answer is the same");
    const said = say("Pinned run of this question: {how}.", { how: `${pin.how}${ended ? `; ${equal}` : ""}` });
    if (note.textContent !== said) note.textContent = said;
  };

  let value = null;
  let answered = [];
  const keepOthers = () => {
    let some = !value.beside && value.missing.length > 0;
    for (const { node } of drawn()) {
      node.hidden = Boolean(value.beside) && answered.includes(node.dataset.row);
      some ||= !node.hidden;
    }
    root.dataset.empty = some ? "" : "1";
  };

  if (ofShown) {
    cards.before(note);
    FusionLens.listen("pinned-answers", (next) => {
      pin = next;
      showLines();
    }, root);
  } else {
    FusionLens.listen("answered", (names) => {
      answered = names;
      if (value) keepOthers();
    }, root);
  }

  return {
    update(next) {
      value = next;
      const names = value.rows.map(({ name }) => name);
      if (ofShown) {
        showLines();
        // Until its first cards come, a run has those of the run before.
        if (names.length || value.state === "done") FusionLens.send("answered", names, root);
        return;
      }
      const rows = value.rows.map(({ name, tokens, verdict }) => ({
        name,
        text: tokens.map(([delta]) => delta).join(""),
        mark: verdict ? (verdict.right ? "✓ " : "✗ ") : "",
      }));
      FusionLens.send("pinned-answers", value.beside ? { how: value.beside, rows } : null, root);
      keepOthers();
    },
  };
};
