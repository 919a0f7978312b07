// The list of methods. It is drawn once; afterwards only the states change.
FusionLens.define("methods", (root) => {
  const { el, say, words } = FusionLens;
  const sentence = el("p", { className: "sentence" });
  const fault = el("p", { className: "fault", at: { role: "status" } });
  const index = el("nav", { className: "index", at: { "aria-label": words("Methods on this page") } });
  const body = el("div", { className: "groups" });
  const absent = el("section", { className: "absent" });
  // What a method does and needs stands in its file, in English alone.
  const foreign = el("p", { className: "note", textContent: words("The methods are described in English.") });
  root.append(el("h2", {}, words("Fusion methods")), sentence, foreign, fault, index, body, absent);
  let drawn = "";

  const fact = ({ heading, text, address }) => {
    const link = () => el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text);
    return el("div", {}, el("dt", {}, heading), el("dd", { lang: "en" }, address ? link() : text));
  };
  const entry = (method, level) => {
    const heading = el(level, { tabIndex: -1 }, method.title);
    if (method.name) heading.id = `method-${method.name}`;
    const head = el("header", {}, heading, method.written ? el("code", {}, method.written) : null);
    const state = method.name ? el("p", { className: "state", data: { method: method.name } }) : null;
    const facts = el("dl", {}, ...method.facts.map(fact));
    return el("article", { className: "method" }, head, el("p", { className: "summary", lang: "en" }, method.summary), state, facts);
  };
  const group = ({ title, summary, methods }) =>
    el(
      "section",
      {},
      el("h3", {}, title),
      summary ? el("p", { className: "note" }, summary) : null,
      el("div", { className: "entries" }, ...methods.map((method) => entry(method, "h4"))),
    );
  const jump = (method) => {
    const button = el("button", { type: "button", className: "quiet", data: { method: method.name } }, method.title);
    button.addEventListener("click", () => FusionLens.showMethod(method.name));
    return button;
  };
  const draw = (value) => {
    index.replaceChildren(
      ...value.groups.map(({ title, methods }) => el("div", {}, el("span", { className: "lead" }, title), ...methods.map(jump))),
    );
    body.replaceChildren(...value.groups.map(group));
    absent.replaceChildren(
      el("h2", {}, words("Methods of the field that are not here")),
      el("p", { className: "sentence" }, value.absent_sentence),
      el("div", { className: "entries" }, ...value.absent.map((method) => entry(method, "h3"))),
    );
    absent.hidden = !value.absent.length;
  };

  return {
    update(value) {
      sentence.textContent = value.sentence;
      fault.textContent = value.fault;
      fault.hidden = !value.fault;
      const methods = value.groups.flatMap((one) => one.methods);
      foreign.hidden = FusionLens.speech.now === "en";
      const names = [FusionLens.speech.now, ...methods.map((method) => method.name)].join();
      if (names !== drawn) draw(value);
      drawn = names;
      for (const { name, state, status } of methods) {
        for (const node of root.querySelectorAll(`[data-method="${CSS.escape(name)}"]`)) {
          node.dataset.state = state;
          if (node.classList.contains("state")) {
            node.replaceChildren(el("span", {}, ...FusionLens.prose(status)));
            node.hidden = !status;
          } else {
            node.title = status;
          }
        }
      }
    },
  };
});

// Text whose parts between backticks are code.
FusionLens.prose = (text) => text.split("`").map((part, at) => (at % 2 ? FusionLens.el("code", {}, part) : part));

// Opens the Methods tab at a method. Gradio fills a tab when it is opened for the first time.
FusionLens.showMethod = (name) => {
  FusionLens.openTab("Methods");
  const until = performance.now() + 5000;
  const go = () => {
    const heading = document.getElementById(`method-${name}`);
    if (heading?.offsetParent) {
      heading.closest("article").scrollIntoView({ block: "start" });
      heading.focus({ preventScroll: true });
    } else if (performance.now() < until) {
      requestAnimationFrame(go);
    }
  };
  go();
};

// A button that opens the Methods tab at a method.
FusionLens.aboutMethod = (name, label) => {
  const button = FusionLens.el("button", { type: "button", className: "quiet about", title: FusionLens.say("About this method") });
  button.setAttribute("aria-label", FusionLens.say("About the method {name}", { name: label }));
  button.addEventListener("click", () => FusionLens.showMethod(name));
  return button;
};
