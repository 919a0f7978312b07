// The head of the page: name, model and its state, and the switch between light and dark.
FusionLens.define("masthead", (root, trigger) => {
  const { el, words } = FusionLens;
  const title = el("h1", {}, "Fusion Lens");
  const dot = el("span", { className: "dot", at: { "aria-hidden": "true" } });
  const name = el("span", { className: "name" });
  // The collections of the server, where there is a choice.
  const picker = el("select", { className: "picker", hidden: true, at: { "aria-label": words("Collection") } });
  let choices = [];
  // What of the address goes along to the page of another collection.
  let along = "";
  const go = (address) => {
    const to = new URL(`${address}${along}`, location.origin);
    // The page looks and speaks there as it does here.
    for (const key of ["__theme", "language"]) {
      const here = new URLSearchParams(location.search).get(key);
      if (here && !to.searchParams.has(key)) to.searchParams.set(key, here);
    }
    location.assign(to);
  };
  const choose = (chosen) => {
    if (chosen.address) go(chosen.address);
    else trigger("choose", { name: chosen.name });
    picker.disabled = true;
  };
  picker.addEventListener("change", () => {
    along = "";
    choose(choices[picker.selectedIndex]);
  });
  // Opens a collection by its name; false where the server has none of this name.
  FusionLens.chooseCollection = (wanted) => {
    const chosen = choices.find(({ name: known, here }) => known === wanted && !here);
    along = location.search;
    if (chosen) choose(chosen);
    return Boolean(chosen);
  };
  // Where there is a choice, the list lies unseen over the brief name: its own text would be cut.
  const arrow = el("span", { className: "arrow", textContent: "▾", at: { "aria-hidden": "true" } });
  const chosen = el("span", { className: "chosen" }, name, arrow, picker);
  const step = el("span", { className: "step" });
  const share = el("span", { className: "share" });
  const state = el("span", { className: "state", at: { "aria-hidden": "true" } }, step, " ", share);
  // What went wrong has a line of its own, in full.
  const fault = el("p", { className: "fault", hidden: true, dir: "auto", at: { role: "alert" } });
  // Read aloud when the step changes, and not at every percent.
  const announced = el("span", { className: "sr-only", at: { role: "status" } });
  const bar = el("span", { className: "bar", at: { "aria-hidden": "true" } });
  const toggle = el("button", { className: "quiet", type: "button", textContent: "◐", title: words("Light or dark"), at: { "aria-label": words("Switch between light and dark") } });
  toggle.addEventListener("click", () => {
    const dark = document.body.classList.toggle("dark");
    const here = new URL(location.href);
    here.searchParams.set("__theme", dark ? "dark" : "light");
    history.replaceState(null, "", here);
    FusionLens.stored((storage) => storage.setItem("fusion-lens-theme", dark ? "dark" : "light"));
  });
  const help = el("button", { className: "quiet", type: "button", textContent: "?", title: words("What is this page?"), at: { "aria-label": words("Show the introduction") } });
  help.addEventListener("click", () => {
    FusionLens.openTab("Explore");
    FusionLens.send("show-intro");
  });
  const tour = el("button", { className: "quiet tour", type: "button", textContent: words("Tour"), at: { "aria-label": words("Begin the tour of this page") } });
  tour.addEventListener("click", () => FusionLens.send("start-tour"));
  // One language for the whole page: short in the bar, named in its list.
  const { speech } = FusionLens;
  const languages = el("select", { className: "language", at: { "aria-label": words("Language") } });
  for (const code of speech.known) {
    const name = FusionLens.languages[code]?.name ?? "English";
    languages.append(el("option", { value: code, lang: code, title: name, at: { "aria-label": name } }, code.toUpperCase()));
  }
  const spoken = () => (root.dataset.language = languages.value = speech.now);
  spoken();
  FusionLens.listen("language", spoken);
  languages.addEventListener("change", () => FusionLens.speak(languages.value));
  const model = el("div", { className: "model" }, dot, chosen, state, announced, bar);
  // For keys: straight to what most visitors come for.
  const skip = (label, panel, part) => {
    const link = el("a", { className: "skip", href: panel, textContent: words(label) });
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const target = document.querySelector(`${panel} ${part}`);
      target?.focus();
      target?.scrollIntoView({ block: "nearest" });
    });
    return link;
  };
  root.append(skip("Skip to the answers", "#answers", ".text"), skip("Skip to the grid", "#grid", ".figure"), fault, title, model, languages, tour, help, toggle);
  const draw = (value) => {
    const failed = value.state === "failed";
    // What it computes with comes on hover: the bar has no room for more than the state.
    step.textContent = failed ? "" : value.text.split(" · ")[0];
    share.textContent = value.state === "loading" ? `${Math.round(value.share * 100)}%` : "";
    state.title = failed ? "" : value.text;
    fault.hidden = !failed;
    const [says, silent] = failed ? [fault, announced] : [announced, fault];
    silent.textContent = "";
    if (says.textContent !== value.text) says.textContent = value.text;
  };
  return {
    speak: draw,
    update(value) {
      name.textContent = value.brief;
      chosen.title = value.collection;
      if (JSON.stringify(value.choices) !== JSON.stringify(choices)) {
        choices = value.choices;
        picker.replaceChildren(...choices.map((one) => el("option", { selected: one.here }, one.title)));
      }
      picker.hidden = arrow.hidden = !choices.length;
      name.ariaHidden = picker.hidden ? null : "true";
      picker.disabled = false;
      if (value.open) go(value.open);
      else picker.selectedIndex = Math.max(0, choices.findIndex((one) => one.here));
      draw(value);
      model.dataset.state = value.state;
      bar.style.setProperty("--share", value.share);
    },
  };
});
