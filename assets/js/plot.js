// Gives Plotly figures the page's colours, light or dark.
FusionLens.plotOptions = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };

// The texts on the cells; only their first words if there is too little room.
FusionLens.fitted = ({ text, meta }, width) => {
  const longest = Math.max(...text.map((label) => label.length));
  return longest * 7.7 * meta.columns < width - 46 ? text : text.map((label) => label.split(" ")[0]);
};

FusionLens.themed = ({ data, layout }, width) => {
  const mode = FusionLens.dark() ? "dark" : "light";
  const ink = FusionLens.colour("--body-text-color");
  const quiet = FusionLens.colour("--fl-line");
  const axis = (own) => ({ ...own, color: ink, gridcolor: quiet, linecolor: quiet, zerolinecolor: quiet });
  const themed = {
    ...layout,
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { ...layout.font, color: ink, family: getComputedStyle(document.querySelector(".gradio-container")).fontFamily },
    hoverlabel: {
      bgcolor: FusionLens.colour("--fl-raised"),
      bordercolor: quiet,
      font: { color: ink, size: 13 },
      align: "left",
    },
  };
  for (const name of Object.keys(layout)) if (/^[xy]axis/.test(name)) themed[name] = axis(layout[name]);
  const dot = (number) => `<span style="color:${FusionLens.colour(`--adapter-${number}`)}">●</span>&nbsp;`;
  const dotted = (texts) => texts.map((text, column) => (dots.length ? dot(dots[column]) : "") + text);
  const dots = layout.meta?.dots ?? [];
  const heads = layout.meta?.narrow;
  if (heads) themed.xaxis = { ...themed.xaxis, ticktext: dotted(layout.xaxis.ticktext) };
  if (heads && width / heads.length < 96) {
    themed.xaxis = { ...themed.xaxis, ticktext: dotted(heads), tickangle: -40, ticklabeloverflow: "allow" };
    themed.margin = { ...layout.margin, t: 92, r: 34 };
    themed.height = layout.height + 40;
  }
  const rows = layout.meta?.narrow_rows;
  if (rows && width < 520) themed.yaxis = { ...themed.yaxis, ticktext: rows };
  const traces = data.map((trace) => {
    const { colours, inks } = trace.meta ?? {};
    if (inks) return { ...trace, text: FusionLens.fitted(trace, width), textfont: { ...trace.textfont, color: inks[mode] } };
    if (!colours) return trace;
    if (trace.type === "heatmap") return { ...trace, colorscale: colours[mode] };
    const line = { ...trace.line, color: colours[mode] };
    return { ...trace, line, marker: { ...trace.marker, color: colours[mode] } };
  });
  return { data: traces, layout: themed };
};
