// The head of the page: name, model and its state, and the switch between light and dark.
FusionLens.define("masthead", (root) => {
  const { el } = FusionLens;
  const title = el("h1", {}, "Fusion Lens");
  const dot = el("span", { className: "dot", at: { "aria-hidden": "true" } });
  const name = el("span", { className: "name" });
  const state = el("span", { className: "state", at: { "aria-hidden": "true" } });
  // Read aloud when the step changes, and not at every percent.
  const announced = el("span", { className: "sr-only", at: { role: "status" } });
  const bar = el("span", { className: "bar", at: { "aria-hidden": "true" } });
  const toggle = el("button", { className: "quiet", type: "button", textContent: "◐" });
  toggle.setAttribute("aria-label", "Switch between light and dark");
  toggle.title = "Light or dark";
  toggle.addEventListener("click", () => {
    const dark = document.body.classList.toggle("dark");
    const here = new URL(location.href);
    here.searchParams.set("__theme", dark ? "dark" : "light");
    history.replaceState(null, "", here);
    FusionLens.stored((storage) => storage.setItem("fusion-lens-theme", dark ? "dark" : "light"));
  });
  const model = el("div", { className: "model" }, dot, name, state, announced, bar);
  // For keys: straight to what most visitors come for.
  const skip = (label, panel, part) => {
    const link = el("a", { className: "skip", href: panel, textContent: label });
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const target = document.querySelector(`${panel} ${part}`);
      target?.focus();
      target?.scrollIntoView({ block: "nearest" });
    });
    return link;
  };
  root.append(skip("Skip to the answers", "#answers", ".text"), skip("Skip to the grid", "#grid", ".figure"), title, model, toggle);
  return {
    update(value) {
      name.textContent = name.title = value.collection;
      state.textContent = value.state === "loading" ? `${value.text} ${Math.round(value.share * 100)}%` : value.text;
      if (announced.textContent !== value.text) announced.textContent = value.text;
      model.dataset.state = value.state;
      bar.style.setProperty("--share", value.share);
    },
  };
});
