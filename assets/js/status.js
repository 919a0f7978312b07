// The status line: what the server is doing, and what went wrong.
FusionLens.define("status", (root) => {
  const { el } = FusionLens;
  const bar = el("div", { className: "bar", at: { "aria-hidden": "true" } });
  const text = el("span", { className: "text", at: { role: "status" } });
  const detail = el("span", { className: "detail" });
  const error = el("div", { className: "error", at: { role: "alert" } });
  root.append(bar, el("div", { className: "line" }, text, detail), error);
  return {
    update(value) {
      root.dataset.state = value.state;
      bar.style.setProperty("--share", value.share ?? 0);
      const failed = value.state === "error";
      if (text.textContent !== (failed ? "" : value.text)) text.textContent = failed ? "" : value.text;
      detail.textContent = value.detail ?? "";
      error.textContent = failed ? value.text : "";
      error.hidden = !failed;
    },
  };
});
