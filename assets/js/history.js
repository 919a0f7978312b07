// The runs of this browser, newest first. They are kept in its own storage and nowhere else; one
// that is reopened goes the way of a permalink, and the server trusts it no more than one.
FusionLens.define("history", (root, trigger) => {
  const { el } = FusionLens;
  const KEY = "fusion-lens-history";
  const MOST = 20;
  const LONGEST = 40_000;
  const summary = el("summary", {});
  const list = el("ol", { className: "runs" });
  const clear = el("button", { type: "button", className: "quiet", textContent: "Clear the history" });
  const note = el("span", { className: "note" }, "Kept in this browser alone.");
  const box = el("details", {}, summary, list, el("p", { className: "foot" }, note, clear));
  const said = el("span", { className: "sr-only", at: { role: "status" } });
  root.append(box, said);

  let runs = [];
  // The newest run of this page: a new look at it changes its entry instead of adding one.
  let newest = { run: null, link: null };

  // What stands in the storage may come from anywhere: only what can be a run is taken.
  const usable = ({ link, at } = {}) =>
    typeof link === "string" &&
    link.length <= LONGEST &&
    Boolean(new URLSearchParams(link).get("q")?.trim()) &&
    typeof at === "number" &&
    !Number.isNaN(new Date(at).getTime());
  const read = () => {
    const text = FusionLens.stored((storage) => storage.getItem(KEY) ?? "[]");
    if (text === null) return runs; // refused: this page remembers its own
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

  // As on the server: nothing in a label may act invisibly.
  const plain = (text) =>
    text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029]/gu, (character) =>
      "\u200c\u200d".includes(character)
        ? character
        : character === "\n"
          ? " ↵ "
          : `⟨${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
    );
  const short = (text) => (text.length > 160 ? `${[...text.slice(0, 160)].slice(0, -1).join("")}…` : text);

  const entry = (run, place) => {
    const given = new URLSearchParams(run.link);
    const query = short(plain(short(given.get("q"))));
    const settings = [...given]
      .filter(([key]) => key !== "q" && !key.startsWith("__"))
      .map(([key, value]) => `${key} ${value}`);
    const link = el("a", { href: `?${given}`, dir: "auto" }, query);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      box.open = false;
      summary.focus();
      trigger("reopen", { link: run.link });
    });
    const time = new Date(run.at);
    const when = el("time", { dateTime: time.toISOString() }, time.toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
    const remove = el("button", { type: "button", className: "quiet", textContent: "Remove", at: { "aria-label": `Remove “${query}”` } });
    remove.addEventListener("click", () => {
      keep(read().filter((one) => one.link !== run.link));
      said.textContent = "Removed from the history.";
      const rest = list.querySelectorAll("button");
      (rest[Math.min(place, rest.length - 1)] ?? document.querySelector("#query textarea"))?.focus();
    });
    const facts = el("span", { className: "facts" }, when, ...settings.map((one) => el("bdi", {}, short(plain(one)))));
    return el("li", {}, link, facts, remove);
  };

  const draw = () => {
    box.hidden = !runs.length;
    summary.textContent = `History: ${runs.length} ${runs.length === 1 ? "run" : "runs"}`;
    list.replaceChildren(...runs.map(entry));
  };

  clear.addEventListener("click", () => {
    keep([]);
    box.open = false;
    said.textContent = "The history is cleared.";
    document.querySelector("#query textarea")?.focus();
  });
  FusionLens.heard("ran", ({ link, run }) => {
    const before = read();
    const again = run === newest.run;
    if (again && link === newest.link) return;
    // A run that was removed stays so, however it is looked at.
    if (again && !before.some((one) => one.link === newest.link)) return;
    const old = again ? newest.link : link;
    newest = { run, link };
    const next = { link, at: Date.now() };
    if (usable(next)) keep([next, ...before.filter((one) => one.link !== old && one.link !== link)]);
  });
  window.addEventListener("storage", (event) => {
    if (event.key !== null && event.key !== KEY) return;
    runs = read();
    draw();
  });

  runs = read();
  draw();
  return { update() {} };
});
