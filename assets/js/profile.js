// Figures that are only looked at, one at a time, under what they say: the depth profile and the
// like. The same numbers are there as a table, for keys, fingers and screen readers.
FusionLens.define("profile", (root) => {
  const { el } = FusionLens;
  const title = el("h2", {});
  const choices = el("div", { className: "choices", at: { role: "group", "aria-label": "What is drawn" } });
  const toggle = el("button", { type: "button", className: "quiet switch" });
  const said = el("div", { className: "said" });
  const figure = el("div", { className: "figure", at: { role: "img" } });
  const table = el("div", { className: "table", hidden: true, tabIndex: 0, at: { role: "region" } });
  root.append(el("div", { className: "bar" }, title, toggle), choices, said, figure, table);
  let value = null;
  let chosen = "";

  const chart = () => value.charts.find((one) => one.name === chosen) ?? value.charts[0];

  const draw = async () => {
    const own = chart();
    if (!own || figure.hidden) return;
    if (!(await FusionLens.plotly())) return FusionLens.undrawn(figure);
    if (own !== chart() || figure.hidden) return;
    const { data, layout } = FusionLens.dressed(own.figure, figure.clientWidth);
    await window.Plotly.react(figure, data, layout, FusionLens.plotting);
    root.dataset.drawn = value.id;
  };

  const show = () => {
    const own = chart();
    root.hidden = !own;
    if (!own) return;
    title.textContent = own.title;
    figure.setAttribute("aria-label", own.label);
    table.setAttribute("aria-label", `Numbers: ${own.title}`);
    figure.style.minHeight = `${own.figure.layout.height}px`;
    toggle.textContent = figure.hidden ? "Show the picture" : "Show the numbers";
    toggle.setAttribute("aria-label", `${toggle.textContent}: ${own.title}`);
    table.replaceChildren(...(table.hidden ? [] : [FusionLens.table(own.table)]));
    for (const button of choices.children) button.setAttribute("aria-pressed", button.dataset.name === own.name);
    draw();
  };

  toggle.addEventListener("click", () => {
    figure.hidden = !figure.hidden;
    table.hidden = !figure.hidden;
    show();
  });

  const choose = ({ name, choice }) => {
    const button = el("button", { type: "button", className: "quiet", textContent: choice, data: { name } });
    button.addEventListener("click", () => {
      chosen = name;
      show();
    });
    return button;
  };

  return {
    update(next) {
      value = next;
      const names = value.charts.map((one) => one.name).join();
      if (names !== choices.dataset.names) {
        choices.dataset.names = names;
        choices.replaceChildren(...(value.charts.length > 1 ? value.charts.map(choose) : []));
        choices.hidden = value.charts.length < 2;
      }
      said.replaceChildren(...value.said.map((sentence) => el("p", { className: "sentence" }, sentence)));
      show();
    },
    theme: () => value && draw(),
  };
});
