// The grid of layers and adapters: a Plotly heatmap with clicks and arrow keys, and the same numbers
// as a table.
FusionLens.define("grid", (root, trigger) => {
  const { el, say, words } = FusionLens;
  const figure = el("div", { className: "figure", tabIndex: 0, at: { role: "application" } });
  const table = el("div", { className: "table", hidden: true, tabIndex: 0, at: { role: "region", "aria-label": words("Table of the grid") } });
  const sentence = el("span", { className: "sentence" });
  const note = el("p", { className: "note" });
  const description = el("div", { className: "sr-only", at: { "aria-live": "polite" } });
  const toggle = el("button", { type: "button", className: "quiet switch", textContent: words("Show as table") });
  const title = el("h2", {});
  const tag = el("span", { className: "tag" });
  const about = el("dl", { className: "about" });
  const caveat = el("span", { className: "caveat" });
  const legend = el("div", { className: "legend" });
  const presets = el("div", { className: "choices", hidden: true, at: { role: "group", "aria-label": words("Presets") } });
  root.append(
    el("div", { className: "bar" }, title, tag),
    el("p", { className: "lead" }, sentence, " ", caveat),
    about,
    presets,
    figure,
    table,
    el("div", { className: "below" }, legend, toggle),
    note,
    description,
  );

  let value = null;
  // The selected layer and the adapter's index in the run. Not every adapter has a column.
  let selected = null;
  let drawn = false;
  // Strokes are numbered, since their requests may overtake each other.
  let strokes = 0;
  // The number of the movement that paints now; one movement is taken back as a whole.
  let drag = 0;
  let drags = 0;
  // The selected layer and column; null if the grid does not have them.
  const position = () => {
    const column = value && selected ? value.places.indexOf(selected[1]) : -1;
    return column >= 0 && holds(selected) ? [selected[0], column] : null;
  };
  const holds = ([layer, adapter]) =>
    layer >= value.first && layer < value.first + value.layers && value.places.includes(adapter);

  const sayToggle = () => (toggle.textContent = figure.hidden ? say("Show as chart") : say("Show as table"));
  toggle.addEventListener("click", () => {
    const asTable = table.hidden;
    table.hidden = !asTable;
    figure.hidden = asTable;
    sayToggle();
    if (!asTable) draw();
  });

  // The question of the grid is there to read where the query box holds another, or a pin does.
  const showAbout = () => {
    const typed = document.querySelector("#query textarea")?.value;
    about.hidden = !value || (value.about.length < 2 && (typed ?? value.query) === value.query);
  };
  document.addEventListener("input", ({ target }) => target.closest?.("#query") && showAbout());

  // While a question is traced, the grid is that of the question before: it steps back and says so.
  const old = el("p", { className: "old", hidden: true, at: { role: "status" } });
  root.querySelector(".lead").after(old);
  // A link asks its question once the page is there.
  let asked = new URLSearchParams(location.search).has("q");
  // The answers step back only for another question.
  let before = false;
  const dim = (on) => {
    if (before !== (on && asked)) FusionLens.send("old", (before = on && asked), root);
    root.dataset.old = on ? "1" : "";
    old.hidden = !on;
    old.textContent = on && value ? say("These are still the numbers from before. The new ones follow.") : "";
  };
  const expects = () => {
    asked = true;
    dim(Boolean(value?.layers) && root.dataset.working === "1");
  };
  document.addEventListener("click", ({ target }) => target.closest?.("#ask, .example, .runs a, #answer-shown, .drift button") && expects(), true);
  document.addEventListener("keydown", ({ key, target }) => key === "Enter" && target.closest?.("#query") && expects(), true);
  FusionLens.listen("status", (state) => {
    root.dataset.working = state === "working" ? "1" : "";
    if (state === "working") dim(asked && Boolean(value?.layers));
    else if (asked && state !== "idle") {
      asked = false;
      dim(false);
    } else if (state === "error") read();
  }, root);
  // Another lens may take seconds to be read on a slow machine.
  let reading;
  const read = () => {
    clearTimeout(reading);
    if (!asked) dim(false);
  };
  document.addEventListener("change", ({ target }) => {
    if (!target.closest?.("#lens") || !value?.layers) return;
    clearTimeout(reading);
    reading = setTimeout(() => {
      dim(true);
      reading = setTimeout(read, 30_000); // a reply may be lost
    }, 400);
  });

  // paint: by a click or Enter, and not only by an arrow key.
  const select = (layer, column, paint) => {
    const adapter = value.places[column];
    selected = [layer, adapter];
    description.textContent = value.descriptions[layer - value.first][column];
    drawCrosshair();
    markCell();
    if (paint && value.paintable) trigger("paint", { layer, adapter, stroke: ++strokes, drag });
    request();
  };

  // One request at a time. When it ends and the selection has moved, the next request follows. So
  // the last of many quickly selected cells is always explained.
  let explained = null;
  let waitUntil = 0;
  const request = () => {
    const now = performance.now();
    // Without a limit, one lost reply would block all later requests.
    if (!selected || explained?.join() === selected.join() || now < waitUntil) return;
    waitUntil = now + 5000;
    const [layer, adapter] = selected;
    trigger("cell", { layer, adapter });
  };
  FusionLens.listen("explained", (cell) => {
    explained = cell;
    waitUntil = 0;
    if (cell) request();
  }, root);
  // Another panel shows the reader a cell.
  FusionLens.listen("show-cell", (cell) => {
    if (value?.layers && holds(cell)) select(cell[0], value.places.indexOf(cell[1]), false);
  }, root);

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
    if (value?.paintable && event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault();
      return trigger("undo");
    }
    if (!value?.layers || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!figure.contains(event.target) && !table.contains(event.target)) return;
    const cell = position();
    if (event.key === "Enter" && cell && value.paintable) select(...cell, true);
    if (!keys[event.key]) return;
    event.preventDefault();
    const [layer, column] = cell ? keys[event.key](cell) : [value.first, 0];
    const within = (number, least, most) => Math.max(least, Math.min(most, number));
    const last = value.first + value.layers - 1;
    select(within(layer, value.first, last), within(column, 0, value.columns.length - 1));
    table.querySelector("td.selected")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  // Plotly loses clicks while it draws a crosshair, so the cell comes from the pointer's position when
  // the button goes down and up.
  const cellAt = ({ clientX, clientY }) => {
    const box = figure.querySelector(".nsewdrag")?.getBoundingClientRect();
    if (!box?.width || !value) return null;
    const row = Math.floor(((clientY - box.top) / box.height) * value.layers);
    const column = Math.floor(((clientX - box.left) / box.width) * value.columns.length);
    const inside = row >= 0 && row < value.layers && column >= 0 && column < value.columns.length;
    return inside ? [value.first + row, column] : null;
  };
  let down = null;
  figure.addEventListener("pointerdown", (event) => (down = event.button === 0 ? cellAt(event) : null), true);
  window.addEventListener("pointercancel", () => (down = null), true);
  // A mouse that moves with its button down paints each cell that it comes to; a finger scrolls.
  let last = null;
  window.addEventListener("pointermove", (event) => {
    if (!down || !value?.paintable || event.pointerType !== "mouse") return;
    const over = cellAt(event);
    if (!over || over.join() === (last ?? down).join()) return;
    if (!last) {
      drag = ++drags;
      select(...down, true);
    }
    last = over;
    select(...over, true);
  }, true);
  window.addEventListener("pointerup", (event) => {
    const up = down && !last && cellAt(event);
    if (up && up.join() === down.join()) select(...up, true);
    down = last = null;
    drag = 0;
  }, true);

  const shapes = () => {
    const cell = position();
    if (!cell) return [];
    const [layer, column] = cell;
    const line = { color: FusionLens.colour("--fl-cross"), width: 1, dash: "dot" };
    const border = { color: FusionLens.colour("--fl-cross"), width: 2 };
    const rest = { type: "rect", layer: "above", fillcolor: "rgba(0,0,0,0)" };
    return [
      { ...rest, x0: -0.5, x1: value.columns.length - 0.5, y0: layer - 0.5, y1: layer + 0.5, line },
      { ...rest, x0: column - 0.5, x1: column + 0.5, y0: value.first - 0.5, y1: value.first + value.layers - 0.5, line },
      { ...rest, x0: column - 0.5, x1: column + 0.5, y0: layer - 0.5, y1: layer + 0.5, line: border },
    ];
  };
  const drawCrosshair = () => {
    if (window.Plotly && drawn) window.Plotly.relayout(figure, { shapes: shapes() });
  };
  const markCell = () => {
    table.querySelectorAll("td.selected").forEach((td) => td.classList.remove("selected"));
    const cell = position();
    if (!cell) return;
    const row = table.querySelectorAll("tbody tr")[cell[0] - value.first];
    row?.children[cell[1] + 1]?.classList.add("selected");
  };

  const draw = async () => {
    legend.replaceChildren(...FusionLens.legend(value?.figure.layout.meta));
    const Plotly = await FusionLens.plotly();
    if (!value || figure.hidden) return;
    if (Plotly) {
      const themed = FusionLens.themed(value.figure, figure.clientWidth);
      const data = themed.data;
      const layout = FusionLens.fitRows(themed.layout);
      figure.style.minHeight = `${layout.height}px`;
      await Plotly.react(figure, data, { ...layout, shapes: shapes() }, FusionLens.plotOptions);
      drawn = true;
      root.dataset.drawn = value.id;
      showAbout();
    } else {
      FusionLens.showMissing(figure);
    }
    document.getElementById("first-paint")?.remove();
  };

  FusionLens.listen("intro", () => value && draw());

  const fillTable = () => {
    const rows = value.cells.map((texts, row) => [String(value.first + row), ...texts]);
    table.replaceChildren(FusionLens.table({ corner: say("Layer"), columns: value.columns, rows }));
  };
  table.addEventListener("click", ({ target }) => {
    const td = target.closest("td");
    if (td) select(value.first + td.parentNode.sectionRowIndex, td.cellIndex - 1, true);
  });

  return {
    update(next) {
      const same = value?.run === next.run;
      if (!same && next.run !== "stored") {
        asked = false;
        dim(false);
      }
      read();
      const columns = value?.columns.join("|");
      value = next;
      // Presets and links paint, too: a stroke of the brush comes after them.
      strokes = Math.max(strokes, value.strokes);
      // Within one run, the selection here may be newer than the one that the server knows.
      if (!same || columns !== value.columns.join("|") || !selected || !holds(selected)) selected = value.selected;
      const seen = new Set();
      title.replaceChildren(...FusionLens.terms(value.title, seen));
      tag.textContent = value.tag;
      tag.hidden = !value.tag;
      about.replaceChildren(
        ...value.about.flatMap(([name, query]) => [el("dt", {}, name), el("dd", { dir: "auto" }, query)]),
      );
      sentence.textContent = value.sentence;
      caveat.replaceChildren(...FusionLens.terms(value.caveat, seen));
      presets.hidden = !value.presets.length;
      if (presets.dataset.names !== value.presets.join("|")) {
        presets.dataset.names = value.presets.join("|");
        presets.replaceChildren(
          ...value.presets.map((label, index) => {
            const button = el("button", { type: "button", className: "quiet", textContent: label });
            button.addEventListener("click", () => trigger("preset", { index }));
            return button;
          }),
        );
      }
      showAbout();
      sayToggle();
      note.textContent = value.note;
      root.dataset.empty = value.layers ? "" : "1";
      figure.setAttribute("aria-label", `${value.title}. ${value.sentence} ${value.caveat} ${say("The arrow keys select a cell.")}`);
      FusionLens.send("question", value.query, root);
      FusionLens.send("answer-note", { text: value.answer_note, all: value.other_adapters }, root);
      fillTable();
      markCell();
      draw();
    },
    theme: () => value && draw(),
  };
});
