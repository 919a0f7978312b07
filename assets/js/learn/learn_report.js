// What a student did as one file: a page to read, with the same as JSON inside for the teacher's page.
(() => {
  const { el, lessons } = FusionLens;
  const ID = "fusion-lens-lessons";
  const STYLE = `:root { color-scheme: light dark } body { font: 17px/1.55 system-ui, sans-serif; max-width: 720px; margin: 40px auto; padding: 0 16px }
h2 { margin: 40px 0 8px; border-top: 1px solid #8886; padding-top: 24px } dt { color: #777; font-size: 15px; margin-top: 12px } dd { margin: 0; overflow-wrap: anywhere }`;

  const section = (page, entry, record) => {
    const { words } = page;
    const texts = page.texts(entry);
    const { check } = record;
    const facts = { attempts: check?.attempts.length ?? 0, hints: check?.hints ?? 0 };
    const parts = [
      ["question", record.query ?? record.own ?? entry.question],
      ["prediction", record.prediction?.label],
      ["outcome", record.outcome && `${record.outcome.said} ${record.outcome.matched === null ? "" : words(record.outcome.matched ? "lesson.matched" : "lesson.surprised")}`],
      ["explanation", record.explanation],
      ["check", check && `${words(check.passed ? "report.passed" : "report.skipped", facts)} ${check.said ?? ""}`],
    ];
    const list = parts.filter(([, text]) => text).flatMap(([name, text]) => [el("dt", {}, words(`report.${name}`)), el("dd", { dir: "auto" }, text)]);
    return el("section", {}, el("h2", {}, texts.title), el("dl", {}, ...list));
  };

  lessons.report = (page) => {
    const { words, content, store } = page;
    const kept = { ...store.all(), exported: new Date().toISOString(), collection: content.collection };
    const written = document.implementation.createHTMLDocument(words("report.title"));
    written.documentElement.lang = words.language;
    const data = el("script", { type: "application/json", id: ID });
    data.textContent = JSON.stringify(kept).replaceAll("<", "\\u003c");
    written.head.append(el("meta", { at: { charset: "utf-8" } }), el("meta", { name: "viewport", content: "width=device-width" }), el("style", {}, STYLE), data);
    const done = content.lessons.filter(({ id }) => store.record(id).step);
    const about = words("report.about", { date: new Date().toLocaleDateString(words.language), collection: content.title });
    written.body.append(
      el("h1", {}, kept.name ? `${words("report.title")}: ${kept.name}` : words("report.title")),
      el("p", {}, about),
      ...done.map((entry) => section(page, entry, store.record(entry.id))),
    );
    const name = [...(kept.name || "fusion-lens")].filter((one) => /[\p{L}\p{N} _-]/u.test(one)).join("").trim().replace(/\s+/g, "-").toLowerCase() || "student";
    const file = `${name}-lessons.html`;
    lessons.saveFile(file, "text/html", `<!doctype html>\n${written.documentElement.outerHTML}`);
    return file;
  };

  // What a student's file holds, or null. Nothing in it is run or shown as markup.
  lessons.readReport = (text) => {
    try {
      const inside = text.trimStart().startsWith("{") ? text : new DOMParser().parseFromString(text, "text/html").getElementById(ID)?.textContent;
      const found = JSON.parse(inside);
      const table = (value) => Boolean(value) && typeof value === "object" && !Array.isArray(value);
      const optional = (value, fits) => value === undefined || value === null || fits(value);
      const attempt = (one) => table(one) && typeof one.verdict === "string" && Array.isArray(one.answer) && one.answer.every((key) => typeof key === "string");
      const check = (one) => table(one) && typeof one.ask === "string" && Array.isArray(one.attempts) && one.attempts.every(attempt);
      const named = (one) => table(one) && typeof one.ask === "string" && typeof one.key === "string";
      const record = (one) => table(one) && optional(one.prediction, named) && optional(one.outcome, table) && optional(one.check, check);
      return lessons.usable(found) && Object.values(found.lessons).every(record) ? found : null;
    } catch {
      return null;
    }
  };
})();
