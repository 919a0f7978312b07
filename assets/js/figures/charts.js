// Charts, shown one at a time below their sentences. The same numbers are there as a table, for keys,
// touch and screen readers.
FusionLens.define("charts", (root, trigger, events) => {
  const { el, say, words } = FusionLens;
  const title = el("h2", {});
  const choices = el("div", { className: "choices", at: { role: "group", "aria-label": words("Charts") } });
  const toggle = el("button", { type: "button", className: "quiet switch" });
  const sentences = el("div", { className: "sentences" });
  const figure = el("div", { className: "figure", at: { role: "img" } });
  const table = el("div", { className: "table", hidden: true, tabIndex: 0, at: { role: "region" } });
  const legend = el("div", { className: "legend" });
  const files = el("div", { className: "files", hidden: true, at: { role: "group" } });
  root.append(el("div", { className: "bar" }, title, toggle), choices, sentences, figure, table, legend, files);
  let value = null;
  let choice = "";

  const current = () => value.charts.find((chart) => chart.name === choice) ?? value.charts[0];

  const draw = async () => {
    const chart = current();
    legend.replaceChildren(...FusionLens.legend(chart?.figure.layout.meta));
    if (!chart || figure.hidden) return;
    if (!(await FusionLens.plotly())) return FusionLens.showMissing(figure);
    if (chart !== current() || figure.hidden) return;
    const { data, layout } = FusionLens.themed(chart.figure, figure.clientWidth);
    const high = layout.meta?.fit ? FusionLens.fitRows(layout) : layout;
    figure.style.minHeight = `${high.height}px`;
    await window.Plotly.react(figure, data, high, FusionLens.plotOptions);
    root.dataset.drawn = value.id;
  };

  const show = () => {
    const chart = current();
    root.hidden = !chart;
    if (!chart) return;
    if (title.textContent !== chart.title) title.replaceChildren(...FusionLens.terms(chart.title));
    figure.setAttribute("aria-label", chart.label);
    table.setAttribute("aria-label", say("Numbers: {title}", { title: chart.title }));
    figure.style.minHeight = `${chart.figure.layout.height}px`;
    toggle.textContent = figure.hidden ? say("Show the chart") : say("Show the numbers");
    const kinds = events.includes("save") ? value.files : [];
    files.hidden = !kinds.length;
    files.setAttribute("aria-label", say("Files: {title}", { title: chart.title }));
    if (files.children.length !== kinds.length || files.dataset.language !== FusionLens.speech.now) files.replaceChildren(...kinds.map(file));
    files.dataset.language = FusionLens.speech.now;
    toggle.setAttribute("aria-label", `${toggle.textContent}: ${chart.title}`);
    const lines = [...value.sentences, chart.sentence].filter(Boolean);
    sentences.replaceChildren(...lines.map((sentence) => el("p", { className: "sentence" }, sentence)));
    table.replaceChildren(...(table.hidden ? [] : [FusionLens.table(chart.table)]));
    for (const button of choices.children) button.setAttribute("aria-pressed", button.dataset.name === chart.name);
    draw();
  };

  const file = (kind) => {
    const button = el("button", { type: "button", className: "quiet", textContent: say("Save as {kind}", { kind: kind.toUpperCase() }) });
    button.addEventListener("click", () => trigger("save", { kind }));
    return button;
  };

  toggle.addEventListener("click", () => {
    figure.hidden = !figure.hidden;
    table.hidden = !figure.hidden;
    show();
  });

  const choiceButton = (chart) => {
    const button = el("button", { type: "button", className: "quiet", textContent: chart.choice, data: { name: chart.name } });
    button.addEventListener("click", () => {
      choice = chart.name;
      show();
    });
    return button;
  };

  return {
    update(next) {
      value = next;
      const labels = value.charts.map((chart) => `${chart.name} ${chart.choice}`).join();
      if (labels !== choices.dataset.names) {
        choices.dataset.names = labels;
        choices.replaceChildren(...(value.charts.length > 1 ? value.charts.map(choiceButton) : []));
        choices.hidden = value.charts.length < 2;
      }
      show();
    },
    theme: () => value && draw(),
  };
});
