// A tour of the page for a first visit: it goes on with what the visitor really does, and is left at any
// step. It has a place in the page, and stands at the lower edge while that is out of sight. The browser
// alone remembers how far it went.
(() => {
  const { el, stored } = FusionLens;
  const KEY = "fusion-lens-tour";
  const STEPS = ["ask", "answers", "cell", "panel", "paint"];
  // What a step points at: the first of these that is there. A narrow page folds its controls.
  const PLACES = { ask: ["#ask"], answers: ["#answers"], cell: ["#grid .figure", "#grid .table"], panel: ["#explanation"], paint: ["#show", ".fl-fold button"] };
  // So long does a pointer rest on the panel of somebody who reads it.
  const READ_MS = 2000;
  let texts = null;
  let language = "en";
  let intro = null;
  let step = null;

  const text = (key, facts = {}) => texts[language][key].replace(/\{(\w+)\}/g, (all, name) => facts[name] ?? all);
  const keep = (value) => stored((storage) => storage.setItem(KEY, value));
  const strong = (sentence) => sentence.split("**").map((part, at) => (at % 2 ? el("strong", {}, part) : part));

  const box = el("div", { id: "tour", at: { role: "region" } });
  const count = el("span", { className: "count" });
  const said = el("p", { at: { "aria-live": "polite" } });
  const next = el("button", { type: "button", className: "next" });
  const learn = el("button", { type: "button", className: "next" });
  const end = el("button", { type: "button", className: "quiet" });
  box.append(count, said, el("div", { className: "row" }, learn, next, end));

  // Its place keeps its height while it stands at the edge.
  const place = el("div", { className: "tour-place" }, box);
  const watch = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting && !box.dataset.away) place.style.minHeight = `${box.offsetHeight}px`;
    box.dataset.away = isIntersecting ? "" : "1";
    if (isIntersecting) place.style.minHeight = "";
  }, { threshold: 0.9 });

  const point = (name) => {
    document.querySelectorAll("[data-tour]").forEach((node) => delete node.dataset.tour);
    const target = name && PLACES[name].map((where) => document.querySelector(where)).find((node) => node?.offsetHeight);
    if (!target) return;
    target.dataset.tour = "1";
    const at = target.getBoundingClientRect();
    const seen = at.bottom > 80 && at.top < window.innerHeight - 140;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!seen) target.scrollIntoView({ block: at.height > window.innerHeight - 200 ? "start" : "center", behavior: calm ? "auto" : "smooth" });
  };

  const show = (to) => {
    step = to;
    keep(String(to));
    const name = STEPS[to];
    const last = to === STEPS.length - 1;
    box.lang = language;
    box.dataset.step = name;
    box.setAttribute("aria-label", text("name"));
    count.textContent = text("of", { step: to + 1, all: STEPS.length });
    said.replaceChildren(...strong(texts[language].steps[name]));
    next.textContent = text(last ? "done" : "next");
    learn.textContent = text("learn");
    learn.hidden = !last;
    end.textContent = text("end");
    end.hidden = last;
    if (!place.isConnected) {
      intro.after(place);
      watch.observe(place);
    }
    point(name);
  };

  const leave = () => {
    const inside = box.contains(document.activeElement);
    step = null;
    keep("done");
    watch.disconnect();
    place.remove();
    point(null);
    if (inside) document.querySelector("#query textarea")?.focus({ preventScroll: true });
  };
  // The visitor has done what a step asks for, or what a later step will.
  const done = (name) => {
    if (step === null || STEPS.indexOf(name) < step) return;
    if (name === "paint") leave();
    else show(STEPS.indexOf(name) + 1);
  };

  next.addEventListener("click", () => done(STEPS[step]));
  end.addEventListener("click", leave);
  learn.addEventListener("click", () => {
    leave();
    FusionLens.openTab("Learn");
  });
  document.addEventListener("keydown", (event) => {
    // Escape closes the explanation of a term first.
    if (step !== null && event.key === "Escape" && box.offsetParent && !document.querySelector("#fl-tip:not([hidden])")) leave();
    if (event.key.startsWith("Arrow") && event.target.closest?.("#grid")) done("cell");
  }, true);
  const clicks = { answers: "#answers .t", panel: "#explanation", paint: '#show [value="what-if"], [role="tab"]' };
  document.addEventListener("click", ({ target }) => {
    if (step === null || target.closest?.("#tour")) return;
    for (const [name, where] of Object.entries(clicks)) {
      // Another tab is no step; Learn is the last one.
      const hit = target.closest?.(where);
      if (hit && (hit.role !== "tab" || FusionLens.english(hit).trim() === "Learn") && (name === "paint" || STEPS[step] === name)) return done(name);
    }
    if (target.closest?.("#grid .figure, #grid .table td")) done("cell");
  }, true);
  let reads;
  document.addEventListener("pointerover", ({ target }) => {
    clearTimeout(reads);
    if (STEPS[step] === "panel" && target.closest?.("#explanation")) reads = setTimeout(() => done("panel"), READ_MS);
  });
  document.addEventListener("focusin", ({ target }) => STEPS[step] === "panel" && target.closest?.("#explanation") && done("panel"));

  FusionLens.tour = {
    // root: the introduction, after which the tour stands; given: its texts by language.
    prepare(root, given) {
      intro = root;
      texts = given;
      language = FusionLens.language(Object.keys(given));
      FusionLens.listen("language", (next) => {
        language = Object.hasOwn(texts, next) ? next : "en";
        if (step !== null) show(step);
      });
      FusionLens.listen("status", (state) => state === "working" && STEPS[step] === "ask" && done("ask"), root);
      // A part of the page may come later than its step.
      FusionLens.whenChanged(() => step !== null && !document.querySelector("[data-tour]") && point(STEPS[step]));
      const kept = stored((storage) => storage.getItem(KEY));
      if (step === null && /^[0-4]$/.test(kept ?? "")) show(Number(kept));
    },
    begin() {
      if (!texts) return;
      FusionLens.openTab("Explore");
      show(0);
      FusionLens.focusAsk();
    },
    label: () => ({ text: text("start"), language }),
  };
})();
