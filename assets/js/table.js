// Numbers as a table: the heads of its columns, and rows whose first text is their own head.
FusionLens.table = ({ corner, columns, rows }) => {
  const { el } = FusionLens;
  const heads = [corner, ...columns].map((name) => el("th", { scope: "col", dir: "auto" }, name));
  const body = rows.map(([head, ...cells]) =>
    el("tr", {}, el("th", { scope: "row", dir: "auto" }, head), ...cells.map((text) => el("td", {}, text))),
  );
  return el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...body));
};
