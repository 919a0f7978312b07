// Numbers as a table: the headings of the columns, and rows that start with their own heading.
FusionLens.table = ({ corner, columns, rows }) => {
  const { el } = FusionLens;
  const heads = [corner, ...columns].map((name) => el("th", { scope: "col", dir: "auto" }, name));
  const body = rows.map(([head, ...cells]) =>
    el("tr", {}, el("th", { scope: "row", dir: "auto" }, head), ...cells.map((text) => el("td", {}, text))),
  );
  return el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...body));
};
