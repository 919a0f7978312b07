// The teacher's page: a link for the class, the timetable, what to expect, and students' files.
(() => {
  const { el, lessons } = FusionLens;

  const section = (title, ...parts) => el("section", {}, el("h3", {}, title), ...parts);

  const qrPicture = (rows, label) => {
    const size = rows.length;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    const squares = rows.flatMap((row, y) => [...row].flatMap((dark, x) => (dark === "1" ? [`M${x} ${y}h1v1h-1z`] : [])));
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", squares.join(""));
    svg.append(path);
    return svg;
  };

  const chosen = { lesson: "", language: "", projector: false };
  let drawQr = () => {};

  const link = (page) => {
    const { words, content } = page;
    const select = (label, key, options) => {
      const box = el("select", {}, ...options.map(([value, text]) => el("option", { value, textContent: text, selected: chosen[key] === value })));
      box.addEventListener("change", () => {
        chosen[key] = box.value;
        show();
      });
      return el("label", { className: "field" }, el("span", {}, label), box);
    };
    const projector = el("input", { type: "checkbox", checked: chosen.projector });
    projector.addEventListener("change", () => {
      chosen.projector = projector.checked;
      show();
    });
    const shown = el("input", { type: "text", readOnly: true, className: "address" });
    shown.setAttribute("aria-label", words("teacher.link"));
    const message = el("span", { className: "message", at: { role: "status" } });
    const copy = lessons.button(words("teacher.copy"), async () => {
      const done = await FusionLens.copy(shown.value);
      message.textContent = words(done ? "teacher.copied" : "teacher.not_copied");
    });
    const picture = el("div", { className: "qr" });
    const address = () => {
      const here = new URL(location.pathname, location.href);
      here.searchParams.set("lesson", chosen.lesson);
      if (chosen.language) here.searchParams.set("language", chosen.language);
      here.searchParams.set("collection", content.collection);
      if (chosen.projector) here.searchParams.set("projector", "1");
      return here.href;
    };
    const show = () => {
      shown.value = address();
      page.trigger("qr", { link: shown.value });
    };
    drawQr = ({ qr, fault }) => picture.replaceChildren(qr.length ? qrPicture(qr, words("teacher.qr")) : el("p", { className: "warning" }, fault));
    const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname) ? el("p", { className: "note" }, words("teacher.local")) : null;
    const known = content.lessons.filter(({ needs }) => !needs).map((entry) => [entry.id, page.texts(entry).title]);
    show();
    const fields = el(
      "div",
      { className: "fields" },
      select(words("teacher.lesson"), "lesson", [["", words("teacher.all")], ...known]),
      select(words("teacher.language"), "language", [["", words("teacher.browser")], ...words.languages]),
      el("p", {}, words("teacher.collection", { collection: content.title })),
      el("label", { className: "tick" }, projector, el("span", {}, words("teacher.projector"))),
      el("div", { className: "row" }, shown, copy),
      message,
      local,
    );
    return section(words("teacher.link"), el("div", { className: "link" }, fields, picture));
  };

  const timetable = ({ words }) => {
    const rows = words("teacher.rows").map((row) => {
      const [minutes, ...what] = row.split(" · ");
      return el("tr", {}, el("th", { scope: "row" }, minutes), el("td", {}, what.join(" · ")));
    });
    const head = el("tr", {}, el("th", { scope: "col" }, words("teacher.minutes")), el("th", { scope: "col" }, words("teacher.what")));
    return section(words("teacher.timetable"), el("table", { className: "timetable" }, el("thead", {}, head), el("tbody", {}, ...rows)));
  };

  const asks = (entry, texts) => Object.entries(texts.ask).filter(([ask]) => entry.asks.includes(ask));

  const answers = (page) => {
    const { words, content, worked } = page;
    const one = (entry) => {
      const texts = page.texts(entry);
      const run = worked[entry.id];
      const found = run ? [run.predict, run.check].filter(Boolean).map((outcome) => lessons.said(page, outcome, texts, entry.facts)) : [];
      const work = lessons.keyed(lessons.button(words("teacher.work_out"), () => page.workOut(entry), "", { disabled: page.working }), `work-${entry.id}`);
      // Beside a run, its own words; otherwise the names of what the run will fill in stay hidden.
      const facts = { ...entry.facts, ...[run?.predict, run?.check].filter(Boolean).reduce((all, outcome) => ({ ...all, ...lessons.facts(outcome) }), {}) };
      const plain = (text) => lessons.fill(text, facts).replace(/\{\w+\}/g, "…");
      const wrong = asks(entry, texts).flatMap(([, ask]) => {
        const right = run?.predict?.right ?? [];
        const list = Object.entries(ask.misconceptions ?? {}).filter(([key]) => !right.includes(key));
        return list.length ? [el("p", { className: "label" }, plain(ask.question)), el("ul", {}, ...list.map(([key, text]) => el("li", {}, key === "any" ? null : el("strong", {}, `${lessons.fill(ask.choices[key], facts)}${words.language === "fr" ? "\u00a0" : ""}: `), plain(text))))] : [];
      });
      return el(
        "details",
        { className: "expected" },
        el("summary", {}, `${texts.title} · ${words("overview.minutes", { minutes: entry.minutes })}`),
        el("h4", {}, words("teacher.expected")),
        ...found.map((text) => el("p", {}, text)),
        entry.needs ? el("p", { className: "note" }, words("overview.needs", { needed: entry.needs, count: entry.facts.count })) : work,
        el("h4", {}, words("teacher.good")),
        el("p", {}, lessons.fill(texts.explain, entry.facts)),
        el("p", {}, lessons.fill(texts.answer, entry.facts)),
        el("h4", {}, words("teacher.misconceptions")),
        ...wrong,
      );
    };
    const list = el("div", { className: "list" }, ...content.lessons.map((entry) => {
      const node = one(entry);
      node.open = page.opened.has(entry.id);
      node.addEventListener("toggle", () => (node.open ? page.opened.add(entry.id) : page.opened.delete(entry.id)));
      return node;
    }));
    return section(words("teacher.answers"), el("p", { className: "note" }, words("teacher.answers_lead")), list);
  };

  lessons.teacher = (page) => {
    const { words } = page;
    const all = lessons.button(`‹ ${words("lesson.all")}`, () => page.open("overview"), "quiet all");
    return [
      el("header", { className: "top" }, el("div", { className: "where" }, all), el("div", { className: "side" }, lessons.language(page)), el("h2", { tabIndex: -1 }, words("teacher.title")), el("p", { className: "lead" }, words("teacher.lead"))),
      link(page),
      timetable(page),
      answers(page),
      section(words("teacher.files"), lessons.classTable(page)),
    ];
  };
  lessons.onQr = (news) => drawQr(news);
})();
