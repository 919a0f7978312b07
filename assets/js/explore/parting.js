// Two answers at the token where they part: what each would have said there, side by side.
FusionLens.define("parting", (root) => {
  const { el, say, words } = FusionLens;
  const title = el("h2", { tabIndex: -1 });
  const close = el("button", { type: "button", className: "quiet", textContent: words("Close"), at: { "aria-label": words("Close the comparison") } });
  const sentence = el("p", { className: "sentence" });
  const answers = el("div", { className: "pair" });
  root.append(el("div", { className: "bar" }, title, close), sentence, answers);
  // The keyboard goes on where the comparison was asked for.
  let before = null;
  close.addEventListener("click", () => {
    root.hidden = true;
    if (before?.isConnected) before.focus();
  });

  const token = (one) => {
    const bar = el("span", { className: "share", at: { "aria-hidden": "true" } });
    bar.style.setProperty("--share", one.share);
    const said = one.chosen ? say("said") : one.other ? say("said by the other") : "";
    return el(
      "li",
      { data: { said } },
      el("bdi", { className: "mono" }, one.text),
      bar,
      el("span", { className: "percent" }, one.percent),
      el("span", { className: "said" }, said),
    );
  };
  const answer = ([label, colour, tokens]) => {
    const dot = colour === null ? null : el("span", { className: "dot", at: { "aria-hidden": "true" } });
    dot?.style.setProperty("--own", `var(--adapter-${colour})`);
    return el("section", {}, el("h3", {}, dot, el("span", { dir: "auto" }, label)), el("ol", {}, ...tokens.map(token)));
  };
  const show = () => {
    root.hidden = false;
    before = document.activeElement;
    title.focus({ preventScroll: true });
    root.scrollIntoView({ block: "nearest" });
  };
  FusionLens.listen("show-parting", show, root);
  const draw = (value) => {
    title.textContent = value.title;
    sentence.textContent = value.sentence;
    answers.replaceChildren(...value.answers.map(answer));
  };
  return {
    update(value) {
      FusionLens.send("parting", value.key, root);
      root.hidden = !value.answers.length;
      if (root.hidden) return;
      draw(value);
      show();
    },
    speak: draw,
  };
});
