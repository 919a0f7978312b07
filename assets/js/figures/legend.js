// The legend of a figure's scale: its colours with the numbers below them, and what hatching means.
FusionLens.legend = (meta) => {
  const { el } = FusionLens;
  if (!meta?.legend) return [];
  const { colours, marks, unit, hatched } = meta.legend;
  const stops = colours[FusionLens.dark() ? "dark" : "light"].map(([at, colour]) => `${colour} ${100 * at}%`);
  const bar = el("span", { className: "scale" });
  bar.style.background = `linear-gradient(to right, ${stops})`;
  const scale = el(
    "span",
    { className: "item" },
    el("span", {}, ...FusionLens.terms(unit)),
    el("span", { className: "marked" }, bar, el("span", { className: "marks" }, ...marks.map((mark) => el("span", {}, mark)))),
  );
  const swatch = el("span", { className: "swatch", at: { "aria-hidden": "true" } });
  return [scale, hatched ? el("span", { className: "item" }, swatch, el("span", {}, ...FusionLens.terms(hatched))) : null].filter(Boolean);
};
