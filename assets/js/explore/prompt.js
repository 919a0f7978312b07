// The prompt that the model read, token by token. A click on a token, or Enter, reads the model there.
FusionLens.define("prompt", (root, trigger, events) => {
  const { el, say, words } = FusionLens;
  const summary = el("summary", {}, words("What the model read"));
  const facts = el("p", { className: "note" });
  const tokens = el("ol", { className: "tokens" });
  const hint = el("p", { className: "note" });
  const key = el("p", { className: "key" });
  const drawKey = () =>
    key.replaceChildren(
      el("span", { className: "token query" }, say("your query")),
      el("span", { className: "token frame" }, ...FusionLens.terms(say("prompt form"))),
      el("span", { className: "token control" }, ...FusionLens.terms(say("control token"))),
      el("span", { className: "token query read" }, say("read here")),
      el("span", { className: "note" }, say("· space   ↵ line break")),
    );
  const box = el("details", {}, summary, facts, tokens, hint, key);
  root.append(box);
  let drawn = "";
  // One stop for Tab; the arrow keys move from token to token.
  const stopAt = (button) => {
    for (const other of tokens.querySelectorAll("button")) other.tabIndex = other === button ? 0 : -1;
  };
  tokens.addEventListener("keydown", (event) => {
    const item = event.target.closest("li");
    const to = { ArrowLeft: item?.previousElementSibling, ArrowRight: item?.nextElementSibling, Home: tokens.firstElementChild, End: tokens.lastElementChild }[event.key];
    const button = to?.querySelector("button");
    if (!button || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    stopAt(button);
    button.focus();
  });
  const item = (token, index, readable) => {
    const title = say("token {index}, id {id}", { index, id: token.id });
    if (!readable) return el("li", { className: `token ${token.part}`, title, dir: "auto" }, token.text);
    const button = el("button", { type: "button", tabIndex: -1, title: say("{title}: read here", { title }), dir: "auto" }, token.text);
    button.addEventListener("click", () => {
      stopAt(button);
      trigger("read", { index });
    });
    return el("li", { className: `token ${token.part}`, dir: "auto" }, button);
  };
  return {
    update(value) {
      root.hidden = !value.tokens.length;
      drawKey();
      facts.textContent = value.facts;
      hint.textContent = value.hint;
      hint.hidden = !value.hint;
      const readable = value.readable && events.includes("read");
      const next = JSON.stringify([value.tokens, readable, FusionLens.speech.now]);
      if (next !== drawn) tokens.replaceChildren(...value.tokens.map((token, index) => item(token, index, readable)));
      drawn = next;
      [...tokens.children].forEach((node, index) => {
        const read = value.read.includes(index);
        node.classList.toggle("read", read);
        node.querySelector("button")?.setAttribute("aria-pressed", read);
      });
      if (!tokens.querySelector('button[tabindex="0"]')) stopAt(tokens.querySelector('[aria-pressed="true"], button'));
    },
  };
});
