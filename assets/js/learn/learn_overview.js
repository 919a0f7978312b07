// The list of lessons, and what the student has done.
FusionLens.lessons.overview = (page) => {
  const { el, lessons } = FusionLens;
  const { words, content, store } = page;
  const done = content.lessons.filter(({ id }) => store.record(id).finished).length;

  const card = (entry, place) => {
    const texts = page.texts(entry);
    const record = store.record(entry.id);
    const label = record.finished ? "again" : record.step ? "resume" : "start";
    const heading = el("h3", { id: `lesson-title-${entry.id}` }, texts.title);
    const facts = `${words("overview.minutes", { minutes: entry.minutes })} · ${words("overview.levels")[entry.level - 1]}`;
    const start = lessons.button(words(`overview.${label}`), () => page.open("lesson", entry.id), "open");
    start.setAttribute("aria-describedby", heading.id);
    const foot = entry.needs
      ? el("p", { className: "needs" }, words("overview.needs", { needed: entry.needs, count: entry.facts.count }))
      : start;
    const number = el("span", { className: "number", at: { "aria-hidden": "true" } }, record.finished ? "✓" : place + 1);
    return el("li", { data: { done: record.finished ? "1" : "", lesson: entry.id } }, number, el("div", {}, heading, el("p", {}, ...lessons.unbroken(texts.summary)), el("p", { className: "facts" }, facts), foot));
  };

  const message = el("span", { className: "message", at: { role: "status" } });
  const name = el("input", { type: "text", value: store.name(), maxLength: 80, autocomplete: "name" });
  name.addEventListener("change", () => store.name(name.value));
  const download = lessons.button(words("overview.download"), () => {
    const file = lessons.report(page);
    message.textContent = words("overview.saved", { file });
  });
  const reset = lessons.sure(page, words("overview.reset"), words("overview.sure"), () => {
    store.reset();
    page.render(true);
    document.querySelector("#lesson .work .message").textContent = words("overview.deleted");
  });

  return [
    el(
      "header",
      { className: "top" },
      el("h2", { tabIndex: -1 }, words("overview.title")),
      el("p", { className: "lead" }, words("overview.lead")),
      el(
        "div",
        { className: "side" },
        lessons.language(page),
        lessons.button(words("overview.teachers"), () => page.open("teacher"), "quiet"),
      ),
    ),
    el("ol", { className: "lessons" }, ...content.lessons.map(card)),
    el(
      "footer",
      { className: "work" },
      el("span", { className: "progress" }, `${words("overview.progress", { done, all: content.lessons.length })} · ${words("overview.kept")}`),
      el("label", {}, el("span", {}, words("overview.name")), name),
      download,
      reset,
      message,
    ),
  ];
};
