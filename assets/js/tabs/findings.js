// The head of the Results tab: the finding in one sentence, and how the results were made.
FusionLens.define("findings", (root) => {
  const { el, words } = FusionLens;
  const title = el("h2", {}, words("What the benchmark found"));
  const sentence = el("p", { className: "finding", at: { role: "status" } });
  const goals = el("p", { className: "goals" });
  const warning = el("p", { className: "warning" });
  const facts = el("p", { className: "facts" });
  const details = el("dl", { className: "made" });
  const box = el("details", {}, el("summary", {}, words("How the results were made")), details);
  const commands = el("pre", { className: "mono", tabIndex: 0, at: { role: "region", "aria-label": words("Commands") } });
  root.append(title, sentence, goals, warning, facts, box, commands);
  return {
    update(value) {
      root.dataset.state = value.state;
      sentence.textContent = value.sentence;
      goals.textContent = value.goals;
      goals.hidden = !value.goals;
      warning.textContent = value.warning;
      warning.hidden = !value.warning;
      facts.replaceChildren(...value.facts.map((fact) => el("span", {}, fact)));
      facts.hidden = !value.facts.length;
      details.replaceChildren(
        ...value.details.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", { dir: "auto" }, text))),
      );
      box.hidden = !value.details.length;
      commands.textContent = value.commands.join("\n");
      commands.hidden = !value.commands.length;
    },
  };
});
