// A figure as an image on its own: what it is about stands above it, its legend below it, and no cell
// is selected in it.
FusionLens.captioned = (figure, lines, width) => {
  const { data, layout } = figure;
  const { legend } = layout.meta ?? {};
  const ink = FusionLens.colour("--body-text-color");
  const above = 22 * lines.length + 12;
  const note = (text, y, more) => ({ text, x: 0, xref: "paper", xanchor: "left", xshift: -40, y, yref: "paper", showarrow: false, align: "left", font: { size: 14, color: ink }, ...more });
  const top = layout.margin.t + above;
  const annotations = lines.map((line, index) =>
    note(line, 1, { yanchor: "top", yshift: top - 4 - 22 * index, font: { size: index ? 14 : 17, color: ink } }),
  );
  if (legend?.hatched) annotations.push(note(`▨ ${legend.hatched}`, 0, { yanchor: "top", yshift: -66 }));
  const traces = data.map((trace, index) => {
    if (index || trace.type !== "heatmap" || !legend) return trace;
    const { zmin, zmax } = trace;
    const bar = {
      orientation: "h", x: 0, xanchor: "left", y: 0, yanchor: "top", len: 0.4, thickness: 10, ypad: 12, xpad: 0,
      outlinewidth: 0, tickvals: [zmin, (zmin + zmax) / 2, zmax], ticktext: legend.marks, title: { text: legend.unit, side: "top", font: { size: 14 } },
    };
    return { ...trace, showscale: true, colorbar: bar };
  });
  const below = 64 + (legend?.hatched ? 24 : 0);
  return {
    data: traces,
    layout: {
      ...layout, width, annotations, shapes: [], height: layout.height + above + below,
      margin: { ...layout.margin, t: top, b: layout.margin.b + below },
      paper_bgcolor: FusionLens.colour("--body-background-fill") || "#ffffff",
    },
  };
};
