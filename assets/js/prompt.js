// The prompt that the model read, token by token.
FusionLens.define("prompt", (root) => {
  const { el } = FusionLens;
  const summary = el("summary", {}, "What the model read");
  const facts = el("p", { className: "note" });
  const tokens = el("ol", { className: "tokens" });
  const key = el(
    "p",
    { className: "key" },
    el("span", { className: "token query" }, "your query"),
    el("span", { className: "token frame" }, "prompt form"),
    el("span", { className: "token control" }, "control token"),
    el("span", { className: "token query read" }, "read here"),
    el("span", { className: "note" }, "· space   ↵ line break"),
  );
  const box = el("details", {}, summary, facts, tokens, key);
  root.append(box);
  return {
    update(value) {
      root.hidden = !value.tokens.length;
      facts.textContent = value.facts;
      tokens.replaceChildren(
        ...value.tokens.map((token, index) =>
          el(
            "li",
            {
              className: `token ${token.part}${value.read.includes(index) ? " read" : ""}`,
              title: `token ${index}, id ${token.id}`,
              dir: "auto",
            },
            token.text,
          ),
        ),
      );
    },
  };
});
