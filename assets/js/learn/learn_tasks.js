// The last steps of a lesson: the check against the student's own run, its hints, and one step further.
(() => {
  const { el, lessons } = FusionLens;

  // A number as people write it: a comma or a point, perhaps a fraction or a percent sign.
  const read = (text, asShare) => {
    const written = text.trim().replace(/\s*%$/, "").replaceAll(",", ".");
    const [above, below = "1", more] = written.split(/[/÷]/).map((part) => part.trim());
    const known = [above, below].every((part) => /^[+-]?(\d+\.?\d*|\.\d+)$/.test(part)) && more === undefined && Number(below) !== 0;
    return known ? Number(above) / Number(below) / (asShare && text.includes("%") ? 100 : 1) : null;
  };

  // Whether an answer is right: "yes", "no" or "part".
  lessons.judge = (outcome, answer) => {
    if (outcome.number !== null) return Math.abs(answer - outcome.number) <= outcome.tolerance ? "yes" : "no";
    const hits = answer.filter((key) => outcome.right.includes(key)).length;
    // Where several adapters tie, one of them is enough, unless all are asked for.
    const all = outcome.several ? outcome.right.length : 1;
    return hits === answer.length && hits >= all ? "yes" : hits ? "part" : "no";
  };

  const hints = (page, outcome, check) => {
    const { words } = page;
    const texts = page.texts().ask[outcome.ask].hints ?? [];
    const facts = { ...page.lesson.facts, ...lessons.facts(outcome) };
    const shown = texts.slice(0, check.hints).map((hint) => el("li", { tabIndex: -1 }, lessons.fill(hint, facts)));
    const free = check.hints <= check.attempts.length;
    const next = lessons.button(words("lesson.hint", { number: check.hints + 1, all: texts.length }), () => {
      const given = check.hints + 1;
      page.save({ check: { ...check, hints: given } });
      page.render();
      if (given === texts.length && outcome.cell) page.showCell(outcome.cell);
      // The new hint is read, and the next button follows it.
      document.querySelector("#lesson .hints li:last-child")?.focus({ preventScroll: true });
    }, "quiet", { disabled: !free });
    const more = check.hints < texts.length && !check.passed;
    const said = more && !free ? words("lesson.no_hint") : check.hints === texts.length && outcome.cell && !check.passed ? words("lesson.shown") : "";
    return el("div", { className: "hints" }, shown.length ? el("ol", {}, ...shown) : null, more ? next : null, said ? el("p", { className: "note" }, said) : null);
  };

  const check = (page) => {
    const { words, record, live, lesson } = page;
    const next = (className) => lessons.button(words("lesson.to_further"), () => page.go("further"), className);
    if (!live) return { title: words("steps.check"), body: [el("p", { className: "words" }, page.working ? words("lesson.running") : words("lesson.resume"))], actions: [lessons.runButton(page), page.working ? null : next("quiet")] };
    const outcome = live.check;
    if (!outcome) return { title: words("steps.check"), body: [el("p", { className: "words" }, words("lesson.no_check"))], actions: [next("primary")] };
    const texts = page.texts();
    const facts = { ...lesson.facts, ...lessons.facts(outcome) };
    const done = { attempts: [], hints: 0, passed: false, ...(record.check?.ask === outcome.ask ? record.check : {}), ask: outcome.ask };
    const { title, body } = lessons.question(texts.ask[outcome.ask].question, words.language, facts);
    const warning = el("p", { className: "warning", at: { role: "alert" } });
    const options = outcome.options.map((option) => ({ key: option.key, label: lessons.label(texts, outcome.ask, option, facts) }));
    const last = done.attempts.at(-1);
    // What is chosen or written and not yet sent: the step is drawn anew by a hint, and in another
    // language. Another run may have other choices.
    const unsent = record.unsent?.ask === outcome.ask ? record.unsent : null;
    const hold = (changes) => {
      warning.textContent = "";
      page.save({ unsent: { ask: outcome.ask, ...changes } });
    };
    let chosen = (unsent?.keys ?? last?.answer ?? []).filter((key) => options.some((one) => one.key === key));
    let field;
    if (outcome.number === null) {
      const change = (keys) => hold({ keys: (chosen = keys) });
      field = lessons.choice({ legend: title, name: "check", options, several: outcome.several, chosen, disabled: done.passed, change });
    } else {
      const input = el("input", { type: "text", inputMode: "decimal", value: unsent?.written ?? last?.label ?? "", disabled: done.passed, id: "check-number" });
      field = el("div", { className: "number-field" }, el("label", { htmlFor: input.id }, words("lesson.number")), input);
      input.addEventListener("input", () => hold({ written: input.value }));
      input.addEventListener("keydown", (event) => event.key === "Enter" && submit());
    }
    const submit = () => {
      const number = outcome.number === null ? null : read(field.querySelector("input").value, outcome.tolerance < 1);
      const answer = outcome.number === null ? chosen : number;
      if (answer === null) return (warning.textContent = words("lesson.no_number"));
      if (answer.length === 0) return (warning.textContent = words("lesson.choose"));
      const verdict = lessons.judge(outcome, answer);
      const label = number === null ? options.filter(({ key }) => chosen.includes(key)).map((one) => one.label).join(", ") : field.querySelector("input").value.trim();
      const attempt = { answer: number === null ? chosen : [], label, verdict };
      page.save({ check: { ...done, attempts: [...done.attempts, attempt], passed: verdict === "yes", said: verdict === "yes" ? lessons.said(page, outcome) : "" }, unsent: null });
      page.render();
      document.querySelector("#lesson .feedback")?.focus({ preventScroll: true });
    };
    const feedback = last
      ? el(
          "div",
          { className: "feedback", tabIndex: -1, data: { verdict: last.verdict }, at: { role: "group" } },
          el("p", { className: "verdict" }, words({ yes: "lesson.right", no: "lesson.wrong", part: "lesson.nearly" }[last.verdict])),
          done.passed ? el("p", {}, lessons.said(page, outcome)) : null,
        )
      : null;
    const tally = done.attempts.length ? el("p", { className: "note" }, words("lesson.attempts", { attempts: done.attempts.length, hints: done.hints })) : null;
    const several = outcome.several ? el("p", { className: "note" }, words("lesson.several")) : null;
    return {
      title,
      body: [...body, several, field, warning, feedback, hints(page, outcome, done), tally].filter(Boolean),
      actions: done.passed
        ? [next("primary")]
        : [lessons.button(words("lesson.answer"), submit, "primary"), done.attempts.length ? lessons.button(words("lesson.skip"), () => page.go("further"), "quiet") : null],
    };
  };

  // What a student does with weights of their own; each is there once something is painted.
  const ownWeights = (page) => {
    const { words, record } = page;
    const button = (key, action) => {
      const made = lessons.keyed(lessons.button(words(`lesson.${key}`), action, "", { disabled: !page.painted }), key);
      made.dataset.painted = "1";
      return made;
    };
    return el(
      "div",
      { className: "row" },
      button("own_answers", () => page.run(lessons.query(page), record.prediction?.ask ?? "", true)),
      button("undo", () => page.trigger("undo")),
      button("reset", () => page.trigger("reset")),
    );
  };

  const further = (page) => {
    const { words, lesson, live, content, record } = page;
    const place = content.lessons.indexOf(lesson);
    const after = content.lessons[place + 1];
    const title = words("lesson.further_title");
    const body = [lessons.prose(page.texts().further, words.language, lesson.facts)];
    const actions = [];
    // Below the buttons: a second tap finds the next lesson where the first ended this one.
    const done = record.finished ? el("p", { className: "finished", at: { role: "status" } }, words("lesson.finished", { title: page.texts().title })) : null;
    if (!live || page.working) {
      actions.push(lessons.runButton(page, true));
    } else if (lesson.own_weights) {
      body.push(ownWeights(page));
    }
    if (live && !page.working) actions.push(lessons.explore(page, live.further, words("lesson.further_open"), lesson.own_weights ? "quiet" : ""));
    const finish = lessons.button(words("lesson.finish"), () => {
      page.save({ finished: new Date().toISOString() });
      page.render();
      document.querySelector("#lesson button.primary")?.focus();
    }, "primary");
    const next = after && !after.needs
      ? lessons.button(words("lesson.next_lesson", { title: page.texts(after).title }), () => page.open("lesson", after.id), "primary")
      : lessons.button(words("lesson.all"), () => page.open("overview"), "primary");
    if (record.finished) actions.push(lessons.restart(page));
    return { title, body, actions: [record.finished ? next : finish, ...actions], done };
  };

  Object.assign(lessons.step, { check, further });
})();
