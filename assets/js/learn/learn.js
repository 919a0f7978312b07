// The Learn tab: which page of it is shown, in which language, and what the server answers.
FusionLens.lessons = { steps: ["idea", "predict", "run", "explain", "check", "further"] };

FusionLens.define("learn-news", (root) => ({
  update: (value) => value.number && FusionLens.send("lesson-news", value, root),
  speak: () => {}, // news are told once
}));

FusionLens.define("learn", (root, trigger) => {
  const { el, lessons } = FusionLens;
  const store = lessons.store();
  let content = null;
  let words = null;
  // What is shown: the list of lessons, one of them, or the teacher's page.
  let view = "overview";
  let lesson = null;
  let projector = false;
  // The collection that a link names.
  const wanted = new URLSearchParams(location.search).get("collection");
  // The run that this page shows, and whether the model works.
  let live = null;
  let working = false;
  let fresh = false;
  // Whether weights of the student's own are painted over those of the run.
  let painted = false;
  const worked = {};

  const address = (changes) => {
    const here = new URL(location.href);
    for (const [key, value] of Object.entries(changes)) {
      if (value) here.searchParams.set(key, value);
      else here.searchParams.delete(key);
    }
    history.replaceState(null, "", here);
  };

  const page = {
    trigger,
    store,
    worked,
    opened: new Set(),
    get content() { return content; },
    get words() { return words; },
    get lesson() { return lesson; },
    get projector() { return projector; },
    get working() { return working; },
    get painted() { return painted; },
    // The run of the lesson that is shown, if there is one.
    get live() { return live?.lesson === lesson?.id ? live : null; },
    get record() { return store.record(lesson.id); },
    texts: (entry = lesson) => entry.texts[words.language] ?? entry.texts.en,
    save: (changes) => store.save(lesson.id, { ...changes, language: words.language }),
    open(name, id = null) {
      if (working) trigger("stop");
      view = name;
      lesson = content.lessons.find((one) => one.id === id) ?? null;
      if (name === "lesson" && (!lesson || lesson.needs)) {
        view = "overview";
        lesson = null;
      }
      if (view !== "lesson") projector = false;
      document.getElementById("back-to-lesson")?.remove();
      address({ lesson: lesson?.id });
      render(true);
    },
    go(step) {
      const reached = Math.max(lessons.steps.indexOf(step), page.record.reached ?? 0);
      const before = page.record.step;
      page.save({ step, reached });
      if (lesson.own_weights && page.live && (step === "further") !== (before === "further")) {
        trigger("show", { show: step === "further" ? "what-if" : lesson.show });
      }
      render(true);
    },
    run(query, ask, own = false) {
      working = true;
      fresh = own;
      if (!own) {
        live = null;
        painted = false;
      }
      trigger("run", { lesson: lesson.id, query, ask, own });
      render();
    },
    restart() {
      live = null;
      store.forget(lesson.id);
      page.go("predict");
    },
    // The teacher's page runs a lesson for its outcomes alone.
    workOut(entry) {
      working = true;
      trigger("run", { lesson: entry.id, query: entry.question, ask: entry.predict?.ask ?? "", own: false });
      render();
    },
    project(on) {
      projector = on;
      render();
      resized();
    },
    speak: FusionLens.speak,
    render: () => render(),
    showCell: (cell) => {
      FusionLens.send("show-cell", cell, root);
      const grid = root.closest(".learn-page").querySelector("#lesson-grid .fl-panel");
      grid.dataset.spot = "1";
      grid.scrollIntoView({ block: "nearest" });
      setTimeout(() => delete grid.dataset.spot, 4000);
    },
  };

  const stage = () => {
    if (view === "teacher") return working ? "status" : "";
    if (view !== "lesson") return "";
    const step = page.record.step ?? "idea";
    if (working && !fresh) return "status";
    if (!page.live && !working) return step === "run" || step === "check" ? "status" : "";
    if (step === "further") return lesson.own_weights ? "status answers grid" : "";
    return ["run", "explain", "check"].includes(step) ? `status ${lesson.stage.join(" ")}` : "";
  };

  // Charts of parts that were hidden, or have another width.
  const resized = () => window.dispatchEvent(new Event("resize"));

  function render(moved = false) {
    if (!content) return;
    const focused = moved ? null : lessons.focusKey(root);
    const around = root.closest(".learn-page");
    around.dataset.view = view;
    around.dataset.stage = stage();
    around.dataset.step = view === "lesson" ? page.record.step ?? "idea" : "";
    around.dataset.projector = projector ? "1" : "";
    around.dataset.language = root.lang = words.language;
    const made = { overview: lessons.overview, lesson: lessons.lesson, teacher: lessons.teacher }[view](page);
    const other = wanted && wanted !== content.collection && view !== "teacher";
    root.replaceChildren(...made, ...(other ? [elsewhere()] : []));
    if (focused) {
      const again = root.querySelector(focused);
      (again && !again.disabled ? again : root.querySelector("h2"))?.focus({ preventScroll: true });
    }
    if (!moved) return;
    resized();
    FusionLens.whenOpen(() => root.querySelector("h2")?.focus({ preventScroll: true }));
    if (around.getBoundingClientRect().top < 0) around.scrollIntoView();
  }

  // A link may be for another collection, which the server may have.
  const elsewhere = () => {
    const note = el("p", { className: "note" }, words("overview.other_collection", { wanted, here: content.title }));
    const open = lessons.button(words("overview.open_collection", { wanted }), () => {
      if (!FusionLens.chooseCollection?.(wanted)) open.replaceWith(el("span", { className: "note", at: { role: "status" } }, words("overview.no_collection", { wanted })));
    });
    return el("div", { className: "row" }, note, open);
  };

  FusionLens.listen("language", (next) => {
    if (!content) return;
    words = lessons.words(content.interface, next);
    if (document.getElementById("back-to-lesson")) lessons.wayBack(page);
    render();
  });
  FusionLens.listen("status", (state) => {
    if (!["error", "stopped"].includes(state) || !working) return;
    working = false;
    render();
  }, root);
  FusionLens.listen("question", () => {
    if (!working || fresh) return;
    fresh = true;
    root.closest(".learn-page").dataset.stage = stage();
    resized();
  }, root);
  FusionLens.listen("lesson-news", (news) => {
    if (news.qr.length || news.fault) return lessons.onQr(news);
    if (news.painted !== null) {
      painted = news.painted;
      for (const button of root.querySelectorAll("[data-painted]")) button.disabled = !painted || working;
    }
    if (!news.run) return;
    worked[news.run.lesson] = news.run;
    working = false;
    if (view === "lesson" && lesson.id === news.run.lesson) {
      live = news.run;
      lessons.score(page, live);
      // After a run at the last step, the weights are there to be set.
      if (lesson.own_weights && page.record.step === "further") trigger("show", { show: "what-if" });
    }
    render();
    root.querySelector(".result")?.focus({ preventScroll: true });
  }, root);

  // One key goes on in the projector view: presenters send Page Down.
  document.addEventListener("keydown", (event) => {
    if (!projector || view !== "lesson" || !root.offsetParent || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = 'textarea, select, input[type="text"], input[type="range"], [role=application], .text, .table';
    // The arrow keys choose among radio buttons.
    const own = event.key.startsWith("Arrow") ? `${typing}, input` : typing;
    if (event.key !== "Escape" && event.target.closest(own)) return;
    const on = ["ArrowRight", "PageDown"].includes(event.key);
    if (event.key === "Escape") page.project(false);
    else if (on || ["ArrowLeft", "PageUp"].includes(event.key)) {
      event.preventDefault();
      root.querySelector(on ? "button.primary:not([disabled])" : "button.previous")?.click();
    }
  });

  return {
    update(value) {
      if (value.fault) root.replaceChildren(el("p", { className: "fault", at: { role: "alert" } }, value.fault));
      if (!value.lessons.length) return;
      const first = !content;
      if (root.offsetParent) document.getElementById("back-to-lesson")?.remove(); // it leads here
      content = value;
      // The content comes anew in another language, and the lesson that is shown is one of its lessons.
      lesson = content.lessons.find(({ id }) => id === lesson?.id) ?? null;
      store.use(content.collection);
      words = lessons.words(content.interface, words?.language ?? FusionLens.language(Object.keys(content.interface)));
      const given = new URLSearchParams(location.search);
      if (first && given.get("projector") === "1") projector = true;
      if (first && given.get("lesson")) page.open("lesson", given.get("lesson"));
      else if (first) render();
    },
  };
});

FusionLens.tabKeys.lesson = "Learn";

// A link to a lesson opens the tab. Elsewhere the address names no lesson, so that a link to Explore
// opens Explore.
FusionLens.openLinked("lesson");
