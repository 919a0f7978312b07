// One lesson: its head, its steps, and how a run is scored.
(() => {
  const { el, lessons } = FusionLens;

  const head = (page, step) => {
    const { words, lesson, record } = page;
    const reached = record.reached ?? 0;
    const steps = lessons.steps.map((name, place) => {
      const button = lessons.button(words(`steps.${name}`), () => page.go(name), "step", { disabled: place > reached });
      if (name === step) button.setAttribute("aria-current", "step");
      button.dataset.passed = place < reached ? "1" : "";
      return el("li", {}, button);
    });
    const projector = lessons.keyed(lessons.button(words(page.projector ? "lesson.projector_off" : "lesson.projector"), () => page.project(!page.projector), "quiet"), "projector");
    const all = lessons.button(`‹ ${words("lesson.all")}`, () => page.open("overview"), "quiet all");
    return el(
      "header",
      { className: "top" },
      el("div", { className: "where" }, all, el("span", { className: "name" }, page.texts().title)),
      el("div", { className: "side" }, lessons.language(page), projector),
      el("nav", { at: { "aria-label": words("steps.title") } }, el("ol", { className: "steps" }, ...steps)),
    );
  };

  lessons.lesson = (page) => {
    const step = page.record.step ?? "idea";
    const { words } = page;
    const place = lessons.steps.indexOf(step);
    const { title, body, aside = null, below = [], actions, done = null } = lessons.step[step](page);
    const heading = el("h2", { tabIndex: -1 }, el("span", { className: "sr-only" }, `${words("steps.of", { step: place + 1, all: lessons.steps.length })}: `), ...lessons.unbroken(title));
    const previous = place ? lessons.button(words("lesson.back"), () => page.go(lessons.steps[place - 1]), "quiet previous") : null;
    // What leads on stands first, what is quiet in a line of its own.
    const given = [...actions.filter(Boolean), previous].filter(Boolean);
    const quiet = given.filter((node) => node.matches(".quiet, .ask"));
    const loud = given.filter((node) => !quiet.includes(node));
    const buttons = el("div", { className: "actions" }, el("div", { className: "row" }, ...loud), done, quiet.length ? el("div", { className: "row more" }, ...quiet) : null);
    const keys = page.projector ? el("p", { className: "keys" }, words("lesson.keys")) : null;
    // On a narrow page the part beside the words stands between them and what they ask for.
    const parts = aside
      ? [el("div", { className: "main" }, heading, ...body), aside, el("div", { className: "main below" }, ...below, buttons, keys)]
      : [el("div", { className: "main" }, heading, ...body, ...below, buttons, keys)];
    return [head(page, step), el("div", { className: "body", data: { step } }, ...parts)];
  };

  // The prediction of the student's question: a question of their own has no known answer.
  lessons.prediction = ({ lesson, record }) => (record.own ? lesson.predict_own : lesson.predict);
  lessons.query = ({ lesson, record }) => record.own || lesson.question;

  // The outcome of a question in words.
  lessons.said = (page, outcome, texts = page.texts(), facts = page.lesson.facts) =>
    lessons.fill(texts.ask[outcome.ask].said[outcome.said], { ...facts, ...lessons.facts(outcome) });

  // Notes the outcome of a run beside the prediction.
  lessons.score = (page, run) => {
    const { record } = page;
    const outcome = run.predict && {
      ask: run.predict.ask,
      right: run.predict.right,
      said: lessons.said(page, run.predict),
      // Without a prediction there is nothing to judge.
      matched: record.prediction ? run.predict.right.includes(record.prediction.key) : null,
    };
    page.save({ runs: (record.runs ?? 0) + 1, query: run.query, outcome });
  };

  // The question to the model, and its meaning in English for whoever reads another language.
  lessons.asked = (page) => {
    const { words, lesson, record } = page;
    const spoken = record.own ? "" : lesson.spoken;
    const quote = el("blockquote", { dir: "auto", lang: spoken }, lessons.query(page));
    const gloss = !record.own && lesson.gloss && spoken !== words.language ? el("p", { className: "gloss", lang: "en" }, `${words("lesson.english")} ${lesson.gloss}`) : null;
    return el("div", { className: "asked" }, el("p", { className: "label" }, words("lesson.question")), quote, gloss);
  };

  // The button that runs the model, or ends it.
  lessons.runButton = (page, again = false) => {
    const { words, record } = page;
    if (page.working) return lessons.keyed(lessons.button(words("lesson.stop"), () => page.trigger("stop"), "stop"), "run");
    const label = words(again ? "lesson.run_again" : "lesson.run");
    return lessons.keyed(lessons.button(label, () => page.run(lessons.query(page), record.prediction?.ask ?? ""), again ? "" : "primary"), "run");
  };

  lessons.explore = (page, link, label, className = "quiet") =>
    lessons.button(label, () => {
      FusionLens.send("open-run", link);
      FusionLens.openTab("Explore");
      lessons.wayBack(page);
    }, className);

  // In Explore, a way back to the lesson.
  lessons.wayBack = (page) => {
    document.getElementById("back-to-lesson")?.remove();
    const { id } = page.lesson;
    const title = page.texts().title;
    const button = lessons.button(`‹ ${page.words("lesson.back_to", { title })}`, () => {
      button.remove();
      FusionLens.openTab("Learn");
      page.open("lesson", id);
    }, "", { id: "back-to-lesson", lang: page.words.language });
    (document.querySelector(".gradio-container") ?? document.body).append(button);
  };
})();
