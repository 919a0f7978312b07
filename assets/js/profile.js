// A figure that is only looked at, under what it says: the depth profile and the like.
FusionLens.define("profile", (root) => {
  const { el } = FusionLens;
  const title = el("h2", {});
  const said = el("div", { className: "said" });
  const figure = el("div", { className: "figure", at: { role: "img" } });
  root.append(title, said, figure);
  let value = null;
  const draw = async () => {
    const Plotly = await FusionLens.plotly();
    if (!value.figure.data.length) return;
    const { data, layout } = FusionLens.dressed(value.figure, figure.clientWidth);
    await Plotly.react(figure, data, layout, FusionLens.plotting);
    root.dataset.drawn = value.id;
  };
  return {
    update(next) {
      value = next;
      title.textContent = value.title;
      said.replaceChildren(...value.said.map((sentence) => el("p", { className: "sentence" }, sentence)));
      figure.setAttribute("aria-label", value.label);
      figure.style.minHeight = `${value.figure.layout.height}px`;
      root.hidden = !value.figure.data.length;
      draw();
    },
    theme: () => value && draw(),
  };
});
