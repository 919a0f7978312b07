// The status line: what the server is doing, and what went wrong.
FusionLens.define("status", (root) => {
  const { el } = FusionLens;
  const bar = el("div", { className: "bar", at: { "aria-hidden": "true" } });
  const text = el("span", { className: "text", at: { role: "status" } });
  // Times stand behind a button once the work is done.
  const detail = el("span", { className: "detail" });
  const times = el("details", { className: "times" }, el("summary", {}, "Times"), detail);
  const error = el("div", { className: "error", at: { role: "alert" } });
  root.append(bar, el("div", { className: "line" }, text, times), error);
  return {
    update(value) {
      bar.style.setProperty("--share", value.share ?? 0);
      const failed = value.state === "error";
      if (text.textContent !== (failed ? "" : value.text)) text.textContent = failed ? "" : value.text;
      detail.textContent = value.detail ?? "";
      times.hidden = !value.detail;
      times.open = value.state === "working" || (times.open && root.dataset.state === value.state);
      error.textContent = failed ? value.text : "";
      error.hidden = !failed;
      root.dataset.state = value.state;
      FusionLens.send("status", value.state);
    },
  };
});
