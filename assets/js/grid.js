// The grid of layers and adapters: a Plotly heatmap that can be clicked and walked with the keys,
// and the same numbers as a table.
FusionLens.define("grid", (root, trigger) => {
  const { el } = FusionLens;
  const figure = el("div", { className: "figure", tabIndex: 0, at: { role: "application" } });
  const table = el("div", { className: "table", hidden: true, tabIndex: 0, at: { role: "region", "aria-label": "Table of the grid" } });
  const said = el("p", { className: "sentence" });
  const note = el("p", { className: "note" });
  const cell = el("div", { className: "sr-only", at: { "aria-live": "polite" } });
  const toggle = el("button", { type: "button", className: "quiet switch", textContent: "Show as table" });
  const title = el("h2", {});
  const tag = el("span", { className: "tag" });
  const about = el("dl", { className: "about" });
  root.append(el("div", { className: "bar" }, title, tag, toggle), about, said, figure, table, note, cell);

  let value = null;
  // Layer and the adapter's place among those of the run, which need not all have a column.
  let selected = null;
  let drawn = false;
  // Where that stands in the grid, as layer and column; null where it does not.
  const at = () => {
    const column = value && selected ? value.places.indexOf(selected[1]) : -1;
    return column >= 0 && holds(selected) ? [selected[0], column] : null;
  };
  const holds = ([layer, adapter]) =>
    layer >= value.first && layer < value.first + value.layers && value.places.includes(adapter);

  toggle.addEventListener("click", () => {
    const asTable = table.hidden;
    table.hidden = !asTable;
    figure.hidden = asTable;
    toggle.textContent = asTable ? "Show as picture" : "Show as table";
    if (!asTable) draw();
  });

  // meant: by a click or Enter, and not only on the way to another cell.
  const select = (layer, column, meant) => {
    const adapter = value.places[column];
    selected = [layer, adapter];
    cell.textContent = value.say[layer - value.first][column];
    crosshair();
    marks();
    if (meant && value.paint) trigger("paint", { layer, adapter });
    request();
  };

  // One request at a time; where the selection has moved on meanwhile, its end asks again. So the
  // last cell of many quick ones is always the one explained.
  let explained = null;
  let waiting = 0;
  const request = () => {
    const now = performance.now();
    // An answer that never came must not silence the panel for good.
    if (!selected || explained?.join() === selected.join() || now < waiting) return;
    waiting = now + 5000;
    const [layer, adapter] = selected;
    trigger("cell", { layer, adapter });
  };
  FusionLens.heard("why", (cell) => {
    explained = cell;
    waiting = 0;
    if (cell) request();
  });

  const keys = {
    ArrowUp: ([layer, column]) => [layer - 1, column],
    ArrowDown: ([layer, column]) => [layer + 1, column],
    ArrowLeft: ([layer, column]) => [layer, column - 1],
    ArrowRight: ([layer, column]) => [layer, column + 1],
    Home: ([, column]) => [value.first, column],
    End: ([, column]) => [value.first + value.layers - 1, column],
    PageUp: ([layer, column]) => [layer - 5, column],
    PageDown: ([layer, column]) => [layer + 5, column],
  };
  root.addEventListener("keydown", (event) => {
    if (!value?.layers || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!figure.contains(event.target) && !table.contains(event.target)) return;
    const here = at();
    if (event.key === "Enter" && here && value.paint) select(...here, true);
    if (!keys[event.key]) return;
    event.preventDefault();
    const [layer, column] = here ? keys[event.key](here) : [value.first, 0];
    const within = (number, least, most) => Math.max(least, Math.min(most, number));
    const last = value.first + value.layers - 1;
    select(within(layer, value.first, last), within(column, 0, value.columns.length - 1));
    table.querySelector("td.selected")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  // Plotly loses clicks that come while it draws the crosshair of the one before: the cell is read
  // from where the pointer went down and up.
  const under = ({ clientX, clientY }) => {
    const box = figure.querySelector(".nsewdrag")?.getBoundingClientRect();
    if (!box?.width || !value) return null;
    const row = Math.floor(((clientY - box.top) / box.height) * value.layers);
    const column = Math.floor(((clientX - box.left) / box.width) * value.columns.length);
    const inside = row >= 0 && row < value.layers && column >= 0 && column < value.columns.length;
    return inside ? [value.first + row, column] : null;
  };
  let down = null;
  figure.addEventListener("pointerdown", (event) => (down = event.button === 0 ? under(event) : null), true);
  window.addEventListener("pointercancel", () => (down = null), true);
  window.addEventListener("pointerup", (event) => {
    const up = down && under(event);
    if (up && up.join() === down.join()) select(...up, true);
    down = null;
  }, true);

  const shapes = () => {
    const own = FusionLens.dressed(value.figure, figure.clientWidth).layout.shapes;
    const here = at();
    if (!here) return own;
    const [layer, column] = here;
    const line = { color: FusionLens.colour("--fl-cross"), width: 1, dash: "dot" };
    const edge = { color: FusionLens.colour("--fl-cross"), width: 2 };
    const rest = { type: "rect", layer: "above", fillcolor: "rgba(0,0,0,0)" };
    return [
      ...own,
      { ...rest, x0: -0.5, x1: value.columns.length - 0.5, y0: layer - 0.5, y1: layer + 0.5, line },
      { ...rest, x0: column - 0.5, x1: column + 0.5, y0: value.first - 0.5, y1: value.first + value.layers - 0.5, line },
      { ...rest, x0: column - 0.5, x1: column + 0.5, y0: layer - 0.5, y1: layer + 0.5, line: edge },
    ];
  };
  const crosshair = () => {
    if (window.Plotly && drawn) window.Plotly.relayout(figure, { shapes: shapes() });
  };
  const marks = () => {
    table.querySelectorAll("td.selected").forEach((one) => one.classList.remove("selected"));
    const here = at();
    if (!here) return;
    const row = table.querySelectorAll("tbody tr")[here[0] - value.first];
    row?.children[here[1] + 1]?.classList.add("selected");
  };

  const draw = async () => {
    const Plotly = await FusionLens.plotly();
    if (!value || figure.hidden) return;
    if (Plotly) {
      const { data, layout } = FusionLens.dressed(value.figure, figure.clientWidth);
      await Plotly.react(figure, data, { ...layout, shapes: shapes() }, FusionLens.plotting);
      drawn = true;
      root.dataset.drawn = value.id;
    } else {
      FusionLens.undrawn(figure);
    }
    document.getElementById("first-paint")?.remove();
  };

  const fill = () => {
    const rows = value.text.map((texts, row) => [String(value.first + row), ...texts]);
    table.replaceChildren(FusionLens.table({ corner: "Layer", columns: value.columns, rows }));
  };
  table.addEventListener("click", ({ target }) => {
    const one = target.closest("td");
    if (one) select(value.first + one.parentNode.sectionRowIndex, one.cellIndex - 1, true);
  });

  return {
    update(next) {
      const same = value?.run === next.run;
      value = next;
      // Whoever looks at one run from cell to cell may be further than the server knows.
      if (!same || !selected || !holds(selected)) selected = value.select;
      title.textContent = value.title;
      tag.textContent = value.tag;
      tag.hidden = !value.tag;
      about.replaceChildren(
        ...value.about.flatMap(([name, query]) => [el("dt", {}, name), el("dd", { dir: "auto" }, query)]),
      );
      said.textContent = value.sentence;
      note.textContent = value.note;
      root.dataset.empty = value.layers ? "" : "1";
      figure.setAttribute("aria-label", `${value.title}. ${value.sentence} Arrow keys select a cell.`);
      figure.style.minHeight = `${value.figure.layout.height}px`;
      fill();
      marks();
      draw();
    },
    theme: () => value && draw(),
  };
});
