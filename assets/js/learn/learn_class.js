// Students' files as a table of attempts, hints and misconceptions. They stay in this browser's
// memory, and are gone when the page is left.
(() => {
  const { el, lessons } = FusionLens;
  let students = [];

  const list = (value) => (Array.isArray(value) ? value : []);
  const text = (value) => (typeof value === "string" ? value.slice(0, 400) : "");

  // The misconceptions that a student's wrong choices point to.
  const misconceptions = (page, entry, record) => {
    const texts = page.texts(entry);
    const of = (ask, keys) => {
      const known = (Object.hasOwn(texts.ask, ask) && texts.ask[ask].misconceptions) || {};
      return keys.map((key) => (Object.hasOwn(known, key) ? known[key] : known.any)).filter(Boolean);
    };
    const { prediction, outcome, check } = record;
    const wrong = list(check?.attempts).filter(({ verdict }) => verdict !== "yes");
    const found = [
      ...(prediction && outcome?.matched === false ? of(prediction.ask, [prediction.key]) : []),
      ...wrong.flatMap(({ answer }) => of(check.ask, list(answer).length ? [list(answer)[0]] : ["any"])),
    ];
    return [...new Set(found)].map((one) => lessons.fill(one, entry.facts).replace(/\{\w+\}/g, "…"));
  };

  const rows = (page) => {
    const { words, content } = page;
    return students.flatMap(({ name, lessons: kept }) =>
      Object.entries(kept).flatMap(([key, record]) => {
        // A lesson with another collection stands under its name after an @.
        const entry = content.lessons.find(({ id }) => id === key.split("@")[0]);
        if (!entry || !record || typeof record !== "object") return [];
        const matched = typeof record.outcome?.matched === "boolean" ? words(record.outcome.matched ? "teacher.yes" : "teacher.no") : words("teacher.open");
        const attempts = list(record.check?.attempts).length;
        return [[
          name,
          page.texts(entry).title,
          `${text(record.prediction?.label) || "–"} (${matched})`,
          String(attempts),
          String(Number(record.check?.hints) || 0),
          words(record.check?.passed ? "teacher.yes" : attempts ? "teacher.no" : "teacher.open"),
          misconceptions(page, entry, record).join(" "),
          text(record.explanation),
        ]];
      }),
    );
  };

  // For spreadsheets: where numbers have a comma, they expect fields apart by semicolons, and the mark
  // at the beginning says that this is UTF-8. None may take a student's text for a formula.
  const field = (value) => `"${(/^[=+\-@\t\r]/.test(value) ? `'${value}` : value).replaceAll('"', '""')}"`;
  lessons.csv = (head, body) => [head, ...body].map((row) => row.map(field).join(FusionLens.speech.point === "," ? ";" : ",")).reduce((text, row) => `${text}${row}\r\n`, "\ufeff");

  lessons.classTable = (page) => {
    const { words } = page;
    const message = el("p", { className: "message", at: { role: "status" } });
    const place = el("div", { className: "class" });
    const head = ["student", "lesson", "predicted", "attempts", "hints_used", "passed", "seen", "explained"].map((key) => words(`teacher.${key}`));

    const draw = () => {
      const body = rows(page);
      const csv = lessons.button(words("teacher.csv"), () => lessons.saveFile("fusion-lens-class.csv", "text/csv", lessons.csv(head, body)));
      const clear = lessons.button(words("teacher.clear"), () => {
        students = [];
        message.textContent = "";
        draw();
      }, "quiet");
      const table = FusionLens.table({ corner: head[0], columns: head.slice(1), rows: body });
      const frame = el("div", { className: "table", tabIndex: 0, at: { role: "region", "aria-label": words("teacher.files") } }, table);
      place.replaceChildren(...(body.length ? [frame, el("div", { className: "row" }, csv, clear)] : []));
    };
    const read = async (files) => {
      const faults = [];
      for (const file of files) {
        const found = file.size < 5_000_000 ? lessons.readReport(await file.text()) : null;
        if (found) students.push({ name: text(found.name) || words("teacher.nameless", { number: students.length + 1 }), lessons: found.lessons });
        else faults.push(words("teacher.unreadable", { file: file.name }));
      }
      message.textContent = [words("teacher.read", { count: files.length - faults.length }), ...faults].join(" ");
      draw();
    };
    const input = el("input", { type: "file", multiple: true, accept: ".html,.json,text/html,application/json", id: "student-files" });
    input.addEventListener("change", () => read([...input.files]));
    const drop = el("div", { className: "drop" }, el("p", {}, words("teacher.files_lead")), el("label", {}, words("teacher.drop"), input));
    for (const kind of ["dragover", "drop"]) {
      drop.addEventListener(kind, (event) => {
        event.preventDefault();
        drop.dataset.over = kind === "dragover" ? "1" : "";
        if (kind === "drop") read([...event.dataTransfer.files]);
      });
    }
    drop.addEventListener("dragleave", () => (drop.dataset.over = ""));
    draw();
    return el("div", {}, drop, message, place);
  };
})();
