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
  root.append(el("div", { className: "bar" }, title, tag, toggle), said, figure, table, note, cell);

  let value = null;
  let selected = null;
  let drawn = false;

  toggle.addEventListener("click", () => {
    const asTable = table.hidden;
    table.hidden = !asTable;
    figure.hidden = asTable;
    toggle.textContent = asTable ? "Show as picture" : "Show as table";
    if (!asTable) draw();
  });

  // meant: by a click or Enter, and not only on the way to another cell.
  const select = (layer, adapter, meant) => {
    selected = [layer, adapter];
    cell.textContent = value.say[layer - value.first][adapter];
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
    ArrowUp: ([layer, adapter]) => [layer - 1, adapter],
    ArrowDown: ([layer, adapter]) => [layer + 1, adapter],
    ArrowLeft: ([layer, adapter]) => [layer, adapter - 1],
    ArrowRight: ([layer, adapter]) => [layer, adapter + 1],
    Home: ([, adapter]) => [value.first, adapter],
    End: ([, adapter]) => [value.first + value.layers - 1, adapter],
    PageUp: ([layer, adapter]) => [layer - 5, adapter],
    PageDown: ([layer, adapter]) => [layer + 5, adapter],
  };
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && selected && value?.paint && figure.contains(event.target)) select(...selected, true);
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey || !value) return;
    if (!figure.contains(event.target) && !table.contains(event.target)) return;
    event.preventDefault();
    const [layer, adapter] = selected ? keys[event.key](selected) : [value.first, 0];
    const within = (number, least, most) => Math.max(least, Math.min(most, number));
    const last = value.first + value.layers - 1;
    select(within(layer, value.first, last), within(adapter, 0, value.columns.length - 1));
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
    if (!selected) return own;
    const [layer, adapter] = selected;
    const line = { color: FusionLens.colour("--fl-cross"), width: 1, dash: "dot" };
    const edge = { color: FusionLens.colour("--fl-cross"), width: 2 };
    const rest = { type: "rect", layer: "above", fillcolor: "rgba(0,0,0,0)" };
    return [
      ...own,
      { ...rest, x0: -0.5, x1: value.columns.length - 0.5, y0: layer - 0.5, y1: layer + 0.5, line },
      { ...rest, x0: adapter - 0.5, x1: adapter + 0.5, y0: value.first - 0.5, y1: value.first + value.layers - 0.5, line },
      { ...rest, x0: adapter - 0.5, x1: adapter + 0.5, y0: layer - 0.5, y1: layer + 0.5, line: edge },
    ];
  };
  const crosshair = () => {
    if (window.Plotly && drawn) window.Plotly.relayout(figure, { shapes: shapes() });
  };
  const marks = () => {
    table.querySelectorAll("td.selected").forEach((one) => one.classList.remove("selected"));
    if (!selected) return;
    const row = table.querySelectorAll("tbody tr")[selected[0] - value.first];
    row?.children[selected[1] + 1]?.classList.add("selected");
  };

  const draw = async () => {
    const Plotly = await FusionLens.plotly();
    if (!value || figure.hidden) return;
    const { data, layout } = FusionLens.dressed(value.figure, figure.clientWidth);
    await Plotly.react(figure, data, { ...layout, shapes: shapes() }, FusionLens.plotting);
    drawn = true;
    root.dataset.drawn = value.id;
    document.getElementById("opening")?.remove();
  };

  const fill = () => {
    const heads = value.columns.map((name) => el("th", { scope: "col", dir: "auto" }, name));
    const rows = value.text.map((texts, row) => {
      const layer = value.first + row;
      const cells = texts.map((text, adapter) => {
        const one = el("td", {}, text);
        one.addEventListener("click", () => select(layer, adapter, true));
        return one;
      });
      return el("tr", {}, el("th", { scope: "row" }, String(layer)), ...cells);
    });
    const head = el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Layer"), ...heads));
    table.replaceChildren(el("table", {}, head, el("tbody", {}, ...rows)));
  };

  return {
    update(next) {
      value = next;
      selected = value.select;
      title.textContent = value.title;
      tag.textContent = value.tag;
      tag.hidden = !value.tag;
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
