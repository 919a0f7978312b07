// The status line: what the server is doing, and what went wrong.
FusionLens.define("status", (root) => {
  const { el, words } = FusionLens;
  const bar = el("div", { className: "bar", at: { "aria-hidden": "true" } });
  const text = el("span", { className: "text", at: { role: "status" } });
  // Times stand behind a button once the work is done.
  const detail = el("span", { className: "detail" });
  const times = el("details", { className: "times" }, el("summary", {}, words("Times")), detail);
  const error = el("div", { className: "error", at: { role: "alert" } });
  // What a link holds that cannot be used: it stays until the visitor has read it, whatever runs.
  const notice = el("span", { at: { role: "status" } });
  const close = el("button", { type: "button", className: "quiet", textContent: words("Close"), at: { "aria-label": words("Close this note") } });
  const box = el("div", { className: "notice", hidden: true }, notice, close);
  const note = (said) => {
    box.hidden = !said;
    notice.textContent = said;
  };
  close.addEventListener("click", () => {
    note("");
    document.querySelector("#query textarea")?.focus();
  });
  FusionLens.listen("reopened", () => note(""));
  root.append(bar, el("div", { className: "line" }, text, times), error, box);
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
      if (value.notice) note(value.notice);
      // The page of another collection, in the place of this one: Back leads to where the visitor was.
      if (value.open) location.replace(new URL(value.open, location.origin));
      root.dataset.state = value.state;
      FusionLens.send("status", value.state, root);
    },
  };
});
