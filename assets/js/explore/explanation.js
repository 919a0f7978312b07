// The explanation of a cell: its arithmetic, and the tokens behind it.
FusionLens.define("explanation", (root) => {
  const { el, say, words } = FusionLens;
  const heading = el("h2", {}, words("Why this cell?"));
  const body = el("div", { className: "body", at: { "aria-live": "polite" } });
  root.append(heading, body);

  const tokens = (value) => {
    const names = [say("token"), say("base"), say("with"), say("points"), say("rank")];
    const titles = ["", "", say("With {adapter}", { adapter: value.adapter }), say("Change in percentage points"), say("Change of rank")];
    const head = names.map((name, index) => el("th", { scope: "col", dir: "auto", title: titles[index] }, name));
    // The name of an adapter has no room in its column; it stands above the table.
    head[2].append(el("span", { className: "sr-only" }, ` ${value.adapter}`));
    for (const changed of head.slice(3)) changed.prepend(el("span", { className: "sr-only" }, say("change in ")));
    const rows = value.tokens.map((token) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, el("bdi", { className: "mono" }, token.text)),
        el("td", {}, token.base),
        el("td", {}, token.adapter),
        el("td", {}, token.change),
        el("td", { className: "move", data: { direction: token.direction } }, token.move),
      ),
    );
    return [
      el("h3", {}, ...FusionLens.terms(say("Most probable next tokens"))),
      el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)),
    ];
  };

  const shares = (value) => [
    el("h3", {}, ...FusionLens.terms(say("Words that differ most"))),
    el(
      "ul",
      { className: "shares" },
      ...value.shares.map((row) => {
        const bar = el("span", { className: "share", at: { "aria-hidden": "true" } });
        bar.style.setProperty("--share", row.share);
        return el("li", {}, el("bdi", { className: "mono" }, row.text), bar, el("span", { className: "percent" }, row.percent));
      }),
    ),
  ];

  return {
    update(value) {
      body.replaceChildren(
        ...(value.title ? [el("p", { className: "cell", dir: "auto" }, value.title)] : []),
        ...value.arithmetic.map((line) => el("p", { className: "step mono" }, line)),
        ...(value.tokens.length ? tokens(value) : []),
        ...(value.shares.length ? shares(value) : []),
        ...(value.note ? [el("p", { className: "note" }, value.note)] : []),
      );
      root.dataset.cell = value.title;
      FusionLens.send("explained", value.cell, root);
    },
  };
});
