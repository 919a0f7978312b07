// The runs of this browser, newest first, kept in its own storage only. Reopening a run opens its
// permalink, which the server checks like any other permalink.
FusionLens.define("history", (root, trigger) => {
  const { el, say } = FusionLens;
  const phrase = FusionLens.words;
  // Each page of a server keeps its own runs: their links lead to its collection.
  const KEY = `fusion-lens-history${/\/collections\/[^/]+/.exec(location.pathname)?.[0] ?? ""}`;
  const MOST = 20;
  const LONGEST = 40_000;
  // The words of the settings and of their values, by key; the server gives them.
  let words = { names: {}, values: {} };
  const summary = el("summary", {});
  const list = el("ol", { className: "runs" });
  const clear = el("button", { type: "button", className: "quiet", textContent: phrase("Clear history") });
  const note = el("span", { className: "note" }, phrase("Stored in this browser only."));
  // Nothing brings a deleted run back, so the page asks before it deletes all of them.
  const question = el("span", { id: "history-question" });
  const remove = el("button", { type: "button", className: "quiet", textContent: phrase("Delete") });
  const hold = el("button", { type: "button", className: "quiet", textContent: phrase("Keep") });
  const asking = el("span", { className: "asking", hidden: true, at: { role: "group", "aria-labelledby": question.id } }, question, remove, hold);
  const box = el("details", {}, summary, list, el("p", { className: "foot" }, note, clear, asking));
  const message = el("span", { className: "sr-only", at: { role: "status" } });
  root.append(box, message);

  let runs = [];
  // The newest run of this page: other view settings change its entry and add none.
  let newest = { run: null, link: null };

  // The storage may hold anything: only entries that can be a run are used.
  const usable = ({ link, at } = {}) =>
    typeof link === "string" &&
    link.length <= LONGEST &&
    Boolean(new URLSearchParams(link).get("q")?.trim()) &&
    typeof at === "number" &&
    !Number.isNaN(new Date(at).getTime());
  const read = () => {
    const text = FusionLens.stored((storage) => storage.getItem(KEY) ?? "[]");
    if (text === null) return runs; // refused: this page keeps its own runs
    try {
      const found = JSON.parse(text);
      const links = new Set();
      const fresh = (run) => run && usable(run) && !links.has(run.link) && links.add(run.link);
      return (Array.isArray(found) ? found : []).filter(fresh).slice(0, MOST);
    } catch {
      return [];
    }
  };
  const keep = (next) => {
    runs = next.slice(0, MOST);
    const kept = runs.map(({ link, at }) => ({ link, at }));
    FusionLens.stored((storage) => storage.setItem(KEY, JSON.stringify(kept)));
    draw();
  };

  // As on the server: a label has no invisible characters.
  const plain = (text) =>
    text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029]/gu, (character) =>
      "\u200c\u200d".includes(character)
        ? character
        : character === "\n"
          ? " ↵ "
          : `⟨${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
    );
  const short = (text) => (text.length > 160 ? `${[...text.slice(0, 160)].slice(0, -1).join("")}…` : text);

  const known = (labels, name) => (Object.hasOwn(labels, name) ? labels[name] : undefined);
  const said = (key, text) => {
    const labels = known(words.values, key) ?? {};
    return text.split(",").map((value) => say(known(labels, value) ?? value)).join(", ");
  };

  const entry = (run, place) => {
    const given = new URLSearchParams(run.link);
    const query = short(plain(short(given.get("q"))));
    const settings = [...given]
      .filter(([key]) => !["q", "cell", "paint", "pin", "collection"].includes(key) && !key.startsWith("__"))
      .map(([key, value]) => `${say(known(words.names, key) ?? key)}: ${said(key, value) || say("none")}`);
    const link = el("a", { href: `?${given}`, dir: "auto" }, query);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      box.open = false;
      summary.focus();
      FusionLens.send("reopened");
      trigger("reopen", { link: run.link });
    });
    const time = new Date(run.at);
    const when = el("time", { dateTime: time.toISOString() }, time.toLocaleString(FusionLens.speech.now === "en" ? [] : FusionLens.speech.now, { dateStyle: "medium", timeStyle: "short" }));
    const remove = el("button", { type: "button", className: "quiet", textContent: say("Remove"), at: { "aria-label": say("Remove “{query}”", { query }) } });
    remove.addEventListener("click", () => {
      keep(read().filter((kept) => kept.link !== run.link));
      message.textContent = say("Removed from the history.");
      const rest = list.querySelectorAll("button");
      (rest[Math.min(place, rest.length - 1)] ?? document.querySelector("#query textarea"))?.focus();
    });
    const facts = el("span", { className: "facts" }, when, ...settings.map((setting) => el("bdi", {}, short(plain(setting)))));
    return el("li", {}, link, facts, remove);
  };

  const draw = () => {
    box.hidden = !runs.length;
    summary.textContent = runs.length === 1 ? say("History: 1 run") : say("History: {count} runs", { count: runs.length });
    list.replaceChildren(...runs.map(entry));
  };

  const asks = (on) => {
    asking.hidden = !on;
    clear.hidden = on;
    question.textContent = runs.length === 1 ? say("Delete this run?") : say("Delete all {count} runs?", { count: runs.length });
    (on ? hold : clear).focus();
  };
  clear.addEventListener("click", () => asks(true));
  hold.addEventListener("click", () => asks(false));
  asking.addEventListener("keydown", ({ key }) => key === "Escape" && asks(false));
  remove.addEventListener("click", () => {
    keep([]);
    asks(false);
    box.open = false;
    message.textContent = say("The history is empty now.");
    document.querySelector("#query textarea")?.focus();
  });
  FusionLens.listen("run", ({ link, run }) => {
    const before = read();
    const sameRun = run === newest.run;
    if (sameRun && link === newest.link) return;
    // A removed run stays removed under all view settings.
    if (sameRun && !before.some((kept) => kept.link === newest.link)) return;
    const old = sameRun ? newest.link : link;
    newest = { run, link };
    // The time is the question's, also under other view settings.
    const at = (sameRun && before.find((kept) => kept.link === old)?.at) || Date.now();
    const next = { link, at };
    if (usable(next)) keep([next, ...before.filter((kept) => kept.link !== old && kept.link !== link)]);
  });
  window.addEventListener("storage", (event) => {
    if (event.key !== null && event.key !== KEY) return;
    runs = read();
    draw();
  });

  // A lesson opens its run here.
  FusionLens.listen("open-run", (link) => trigger("reopen", { link }));

  runs = read();
  draw();
  return {
    update(value) {
      words = value;
      draw();
    },
  };
});
