// The Profile tab: a list of queries from a file, and the queries as a table that can be sorted.
FusionLens.define("query-file", (root) => {
  const { el, say, words } = FusionLens;
  const MOST_BYTES = 2_000_000;
  let target = "";
  const input = el("input", { type: "file", hidden: true, accept: ".txt,.jsonl,.json,text/plain" });
  const button = el("button", { type: "button", className: "quiet", textContent: words("Take them from a file") });
  const message = el("span", { className: "note", at: { role: "status" } });
  root.append(button, input, message);
  button.addEventListener("click", () => input.click());
  // Read here: the server gets no file, only the text in the field.
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    if (file.size > MOST_BYTES) return (message.textContent = say("{file} is larger than 2 MB: take a part of it.", { file: file.name }));
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch {
      return (message.textContent = say("{file} cannot be read: give a UTF-8 text file.", { file: file.name }));
    }
    const box = document.querySelector(`#${target} textarea`);
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    message.textContent = say("The field holds {file}", { file: file.name });
  });
  return { update: (value) => (target = value) };
});

// The settings as a link, which opens this tab. Lens, metric and the rest of Explore stay as the address
// has them; a question does not come along.
for (const key of ["profile", "profile_adapters", "profile_most"]) FusionLens.tabKeys[key] = "Profile";
FusionLens.define("profile-link", (root) => {
  const { el, say, words } = FusionLens;
  let value = null;
  const button = el("button", { type: "button", className: "quiet", textContent: words("Copy link") });
  const message = el("span", { className: "note", at: { role: "status" } });
  root.append(button, message);
  button.addEventListener("click", async () => {
    const done = await FusionLens.copy(FusionLens.withLink(value, "Profile"));
    const copied = value.own ? say("Copied the link, without the queries of your own list") : say("Copied the link");
    message.textContent = done ? copied : say("This browser does not allow copying. Copy the link from the address bar.");
  });
  return {
    update(next) {
      value = next;
      message.textContent = "";
    },
  };
});

FusionLens.define("query-rows", (root) => {
  const { el, say, words } = FusionLens;
  const STEP = 50;
  const LONGEST_QUERY = 8000; // of a link
  const title = el("h2", {}, words("Query by query"));
  const table = el("div", { className: "table", tabIndex: 0, at: { role: "region", "aria-label": words("Queries of the profile") } });
  const more = el("button", { type: "button", className: "quiet more" });
  const message = el("span", { className: "sr-only", at: { role: "status" } });
  root.append(title, table, more, message);
  root.hidden = true;
  let value = null;
  let shown = STEP;
  // The column that the rows are sorted by, and the direction.
  let by = "place";
  let down = false;

  const leader = (row) => row.weights.reduce((best, weight, at) => (weight !== null && (best < 0 || weight > row.weights[best]) ? at : best), -1);
  const named = (column) => (column < 0 ? "–" : value.columns[column]);
  // One name where the same adapter leads throughout.
  const bands = ({ bands: led }) => (led.every((one) => one === led[0]) ? named(led[0]) : led.map(named).join(" · "));
  const columns = () => [
    { key: "place", label: "#", of: (row) => row.place },
    { key: "query", label: say("Query"), of: (row) => row.shown },
    { key: "leader", label: say("Leader"), of: (row) => named(row.leader) },
    { key: "bands", label: value.bands.map((band) => say(band)).join(" · "), of: bands },
    ...value.columns.map((label, at) => ({ key: `weight-${at}`, label, at, number: true, of: (row) => row.weights[at] ?? -1 })),
  ];
  const dot = (column) => {
    const sign = el("span", { className: "dot", at: { "aria-hidden": "true" } });
    sign.style.setProperty("--own", `var(--adapter-${value.colours[column]})`);
    return sign;
  };
  const sorted = () => {
    const { of } = columns().find(({ key }) => key === by) ?? columns()[0];
    const order = (one, other) => {
      const [a, b] = [of(one), of(other)];
      return typeof a === "number" ? a - b : a.localeCompare(b);
    };
    // Equal rows stay in the order of the list.
    return [...value.rows].sort((one, other) => (down ? order(other, one) : order(one, other)) || one.place - other.place);
  };
  const open = (row) => {
    FusionLens.openTab("Explore");
    FusionLens.send("reopened");
    FusionLens.send("open-run", [`q=${encodeURIComponent(row.query)}`, value.link].filter(Boolean).join("&"));
    window.scrollTo({ top: 0 });
    document.querySelector("#query textarea")?.focus({ preventScroll: true });
  };
  const head = ({ key, label, at, number }) => {
    const active = key === by;
    const button = el("button", { type: "button", className: "quiet", data: { key } }, ...(at === undefined ? [] : [dot(at)]), label, el("span", { className: "arrow", at: { "aria-hidden": "true" } }, active ? (down ? "▾" : "▴") : ""));
    button.addEventListener("click", () => {
      // The largest weights come first; a second click turns the order round.
      down = active ? !down : Boolean(number);
      by = key;
      draw();
      table.querySelector(`thead button[data-key="${key}"]`)?.focus();
      message.textContent = down ? say("Sorted by {label}, descending.", { label }) : say("Sorted by {label}, ascending.", { label });
    });
    return el("th", { scope: "col", dir: "auto", className: key.split("-")[0], at: active ? { "aria-sort": down ? "descending" : "ascending" } : {} }, button);
  };
  const line = (row) => {
    const query = el("span", { dir: "auto", textContent: row.shown, title: row.query });
    const button = el("button", { type: "button", className: "quiet open", textContent: say("Open in Explore"), at: { "aria-label": say("Open in Explore: {query}", { query: row.shown }) } });
    button.addEventListener("click", () => open(row));
    const leads = row.leader < 0 ? [named(-1)] : [dot(row.leader), named(row.leader)];
    return el(
      "tr",
      {},
      el("td", { className: "place" }, String(row.place)),
      el("th", { scope: "row", className: "query" }, query, row.query.length <= LONGEST_QUERY ? button : null),
      el("td", { className: "leader" }, ...leads),
      el("td", { className: "bands" }, bands(row)),
      ...row.weights.map((weight, at) => el("td", { data: at === row.leader ? { mark: "best" } : {} }, weight === null ? "–" : FusionLens.numeral(weight.toFixed(2)))),
    );
  };
  const draw = () => {
    const rows = sorted();
    const heads = el("thead", {}, el("tr", {}, ...columns().map(head)));
    table.replaceChildren(el("table", {}, heads, el("tbody", {}, ...rows.slice(0, shown).map(line))));
    more.hidden = rows.length <= shown;
    more.textContent = say("Show all {count}", { count: rows.length });
  };
  more.addEventListener("click", () => {
    const first = shown;
    shown = Infinity;
    draw();
    table.querySelectorAll("tbody .open")[first]?.focus();
  });
  return {
    update(next) {
      value = { ...next, rows: next.rows.map((row, at) => ({ ...row, place: at + 1, leader: leader(row) })) };
      root.hidden = !value.rows.length;
      shown = STEP;
      if (!root.hidden) draw();
    },
  };
});

FusionLens.openLinked("profile");
