// The first steps of a lesson: the idea, the prediction, the run beside it, and the explanation.
(() => {
  const { el, lessons } = FusionLens;

  const idea = (page) => {
    const texts = page.texts();
    const facts = page.lesson.facts;
    const figure = lessons.figure(page.lesson.figure, page.words, texts.figure, facts);
    return {
      title: texts.title,
      body: [lessons.prose(texts.idea, page.words.language, facts)],
      aside: figure,
      actions: [lessons.button(page.words("lesson.begin"), () => page.go("predict"), "primary")],
    };
  };

  // A question of the student's own; the prediction is then another.
  const ownQuestion = (page) => {
    const { words, record } = page;
    const box = el("textarea", { rows: 2, maxLength: 1000, value: record.asking ?? record.own ?? "", id: "own-question", dir: "auto" });
    // What is written and not yet used stays when the step is drawn anew.
    box.addEventListener("input", () => page.save({ asking: box.value }));
    const use = (own) => {
      page.save({ own, asking: null, prediction: null });
      page.render(true);
    };
    const buttonUse = lessons.button(words("lesson.own_use"), () => use(box.value.trim() || null));
    const first = lessons.button(words("lesson.own_back"), () => use(null), "quiet");
    const label = el("label", { htmlFor: box.id }, words("lesson.own_label"));
    const buttons = el("div", { className: "row" }, buttonUse, record.own ? first : null);
    return el("details", { className: "own", open: Boolean(record.asking) }, el("summary", {}, words("lesson.own")), label, box, buttons);
  };

  const predict = (page) => {
    const { words, record, lesson } = page;
    const texts = page.texts();
    const given = lessons.prediction(page);
    if (!given) return { title: words("steps.predict"), body: [el("p", {}, words("lesson.unscored"))], actions: [lessons.button(words("lesson.next"), () => page.go("run"), "primary")] };
    const { title, body } = lessons.question(texts.ask[given.ask].question, words.language, lesson.facts);
    const options = given.options.map((option) => ({ key: option.key, label: lessons.label(texts, given.ask, option, lesson.facts) }));
    const chosen = record.prediction?.ask === given.ask ? record.prediction.key : null;
    const warning = el("p", { className: "warning", at: { role: "alert" } });
    const tiles = lessons.choice({
      legend: title,
      name: "prediction",
      options,
      chosen: chosen ? [chosen] : [],
      disabled: Boolean(record.locked),
      // The choice stays when the step is drawn anew, such as in another language.
      change: ([key]) => {
        const { label } = options.find((one) => one.key === key);
        page.save({ prediction: { ask: given.ask, key, label } });
        warning.textContent = "";
      },
    });
    const lock = lessons.button(words("lesson.lock"), () => {
      if (page.record.prediction?.ask !== given.ask) return (warning.textContent = words("lesson.choose"));
      page.save({ locked: true });
      page.go("run");
    }, "primary");
    const next = lessons.button(words("lesson.next"), () => page.go("run"), "primary");
    return {
      title,
      body,
      below: [tiles, warning, record.locked ? el("p", { className: "note" }, words("lesson.locked")) : null].filter(Boolean),
      aside: el("div", { className: "aside" }, lessons.asked(page), record.locked ? null : ownQuestion(page)),
      actions: [record.locked ? next : lock],
    };
  };

  // The student's prediction in the language that is now chosen.
  const predicted = (page) => {
    const { prediction } = page.record;
    const given = lessons.prediction(page);
    const option = given?.ask === prediction.ask && given.options.find(({ key }) => key === prediction.key);
    return option ? lessons.label(page.texts(), prediction.ask, option, page.lesson.facts) : prediction.label;
  };

  // The prediction beside what the run shows.
  const compared = (page) => {
    const { words, record, live } = page;
    const you = record.prediction ? [el("dt", {}, words("lesson.you")), el("dd", {}, predicted(page))] : [];
    if (!record.outcome) return el("dl", { className: "compared" }, ...you);
    const box = el("dl", { className: "compared" }, ...you, el("dt", {}, words("lesson.outcome")), el("dd", {}, live?.predict ? lessons.said(page, live.predict) : record.outcome.said));
    return el("div", { className: "result", tabIndex: -1, at: { role: "group", "aria-label": words("lesson.outcome") } }, box);
  };

  lessons.restart = (page) => lessons.sure(page, page.words("lesson.restart"), page.words("lesson.restart_sure"), page.restart);

  const run = (page) => {
    const { words, record, live } = page;
    const lead = page.working ? words("lesson.running") : live ? words("lesson.look") : record.outcome ? words("lesson.resume") : words("lesson.run_lead");
    const judged = record.outcome && record.outcome.matched !== null;
    const unscored = live && !record.outcome ? el("p", { className: "note" }, words("lesson.unscored")) : null;
    const next = lessons.button(words("lesson.to_explain"), () => page.go("explain"), "primary");
    const ran = live && !page.working;
    const hatched = ran && live.hatched ? el("p", { className: "note" }, words("lesson.hatched")) : null;
    return {
      title: !ran ? words("lesson.run_title") : !judged ? words("lesson.outcome") : words(record.outcome.matched ? "lesson.matched" : "lesson.surprised"),
      body: [ran ? null : lessons.asked(page), compared(page), unscored, el("p", { className: "note", at: { "aria-live": "polite" } }, lead), hatched].filter(Boolean),
      actions: ran
        ? [next, lessons.explore(page, live.link, words("lesson.explore")), lessons.restart(page)]
        : [lessons.runButton(page)],
    };
  };

  const explain = (page) => {
    const { words, record } = page;
    const texts = page.texts();
    const box = el("textarea", { rows: 4, maxLength: 4000, value: record.explanation ?? "", id: "explanation-text", dir: "auto" });
    box.setAttribute("aria-label", words("lesson.explain_label"));
    const warning = el("p", { className: "warning", at: { role: "alert" } });
    const good = el("div", { className: "good" });
    const show = () => good.replaceChildren(el("h3", { tabIndex: -1 }, words("lesson.good")), lessons.line("p", {}, texts.answer, page.lesson.facts));
    if (record.compared) show();
    const compare = lessons.button(words("lesson.compare"), () => {
      if (box.value.trim().length < 8) return (warning.textContent = words("lesson.explain_short"));
      page.save({ explanation: box.value.trim(), compared: true });
      page.render();
      document.querySelector("#lesson .good h3")?.focus();
    }, "primary");
    const keep = () => page.save({ explanation: box.value.trim() });
    box.addEventListener("input", () => {
      warning.textContent = "";
      keep();
    });
    const next = lessons.button(words("lesson.to_check"), () => (keep(), page.go("check")), "primary");
    return {
      title: lessons.fill(texts.explain, page.lesson.facts),
      body: [el("p", { className: "label" }, words("lesson.explain_title")), box, warning, good],
      actions: [record.compared ? next : compare],
    };
  };

  lessons.step = { idea, predict, run, explain };
})();
