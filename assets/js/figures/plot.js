// Gives Plotly figures the page's colours, light or dark.
FusionLens.plotOptions = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };

// The texts on the cells; only their first words if there is too little room. What is still wider
// than its cell would lie over the next: a word is cut, and a number is left to the colour and the table.
FusionLens.fitted = ({ text, meta }, width) => {
  const longest = Math.max(...text.map((label) => label.length));
  if (longest * 7.7 * meta.columns < width - 46) return text;
  const room = Math.floor((width - 90) / meta.columns / 7.4);
  return text.map((label) => {
    const [first] = label.split(" ");
    if (first.length <= room) return first;
    return /^[+\u2212-]?\d/.test(first) || room < 3 ? "" : `${first.slice(0, room - 1)}…`;
  });
};

FusionLens.themed = ({ data, layout }, width) => {
  const mode = FusionLens.dark() ? "dark" : "light";
  const ink = FusionLens.colour("--body-text-color");
  const quiet = FusionLens.colour("--fl-line");
  const axis = (own) => ({ ...own, color: ink, gridcolor: quiet, linecolor: quiet, zerolinecolor: quiet });
  const themed = {
    ...layout,
    autosize: true,
    separators: FusionLens.speech.point === "," ? ",." : ".,",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { ...layout.font, color: ink, family: getComputedStyle(document.querySelector(".gradio-container")).fontFamily },
    hoverlabel: {
      bgcolor: FusionLens.colour("--fl-raised"),
      bordercolor: quiet,
      font: { color: ink, size: 14 },
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
    // The last name reaches beyond its column: half of the column is its own.
    const reach = (heads.at(-1).length + 2) * 6.2 + 4 - (width - 44) / heads.length / 2;
    themed.margin = { ...layout.margin, t: 92, r: Math.max(34, Math.ceil(reach)) };
    themed.height = layout.height + 92 - layout.margin.t;
  }
  const names = layout.yaxis?.ticktext;
  if (layout.meta?.names_above && width < 520) {
    // Beside their rows, the names would leave no room for the rows.
    const row = 44;
    themed.yaxis = { ...themed.yaxis, showticklabels: false };
    themed.height = layout.height + names.length * (row - layout.meta.row);
    const size = (name) => Math.min(14, width / 0.6 / name.replace(/<[^>]*>/g, "").length);
    themed.annotations = names.map((text, place) => ({ text, x: 0, xref: "paper", xanchor: "left", xshift: -layout.margin.l, y: place, yshift: 15, showarrow: false, font: { size: size(text), color: ink } }));
  }
  // Plotly does not measure the numbers of an axis, which run together where there is little room.
  if (layout.xaxis?.nticks) {
    const most = Math.floor((width - layout.margin.l - layout.margin.r) / 54);
    themed.xaxis = { ...themed.xaxis, nticks: Math.max(2, Math.min(layout.xaxis.nticks, most)) };
  }
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

// On a wide page, all layers of a small model fit the window together.
FusionLens.fitRows = (layout) => {
  const { row, rows } = layout.meta ?? {};
  if (!rows || window.innerWidth <= 760) return layout;
  // The introduction stands beside the grid on a wide page, and above it on others.
  const intro = window.innerWidth > 1180 ? 0 : document.querySelector(".fl-intro")?.offsetHeight;
  const high = Math.max(17, Math.min(row, (window.innerHeight - 414 - (intro ? intro + 10 : 0)) / rows));
  return { ...layout, height: layout.height + (high - row) * rows };
};
