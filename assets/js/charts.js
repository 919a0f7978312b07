// Charts, shown one at a time below their sentences. The same numbers are there as a table, for keys,
// touch and screen readers.
FusionLens.define("charts", (root) => {
  const { el } = FusionLens;
  const title = el("h2", {});
  const choices = el("div", { className: "choices", at: { role: "group", "aria-label": "Charts" } });
  const toggle = el("button", { type: "button", className: "quiet switch" });
  const sentences = el("div", { className: "sentences" });
  const figure = el("div", { className: "figure", at: { role: "img" } });
  const table = el("div", { className: "table", hidden: true, tabIndex: 0, at: { role: "region" } });
  const legend = el("div", { className: "legend" });
  root.append(el("div", { className: "bar" }, title, toggle), choices, sentences, figure, table, legend);
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
    await window.Plotly.react(figure, data, layout, FusionLens.plotOptions);
    root.dataset.drawn = value.id;
  };

  const show = () => {
    const chart = current();
    root.hidden = !chart;
    if (!chart) return;
    title.textContent = chart.title;
    figure.setAttribute("aria-label", chart.label);
    table.setAttribute("aria-label", `Numbers: ${chart.title}`);
    figure.style.minHeight = `${chart.figure.layout.height}px`;
    toggle.textContent = figure.hidden ? "Show the chart" : "Show the numbers";
    toggle.setAttribute("aria-label", `${toggle.textContent}: ${chart.title}`);
    const lines = [...value.sentences, chart.sentence].filter(Boolean);
    sentences.replaceChildren(...lines.map((sentence) => el("p", { className: "sentence" }, sentence)));
    table.replaceChildren(...(table.hidden ? [] : [FusionLens.table(chart.table)]));
    for (const button of choices.children) button.setAttribute("aria-pressed", button.dataset.name === chart.name);
    draw();
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
      const names = value.charts.map((chart) => chart.name).join();
      if (names !== choices.dataset.names) {
        choices.dataset.names = names;
        choices.replaceChildren(...(value.charts.length > 1 ? value.charts.map(choiceButton) : []));
        choices.hidden = value.charts.length < 2;
      }
      show();
    },
    theme: () => value && draw(),
  };
});
