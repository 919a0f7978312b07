// The introduction, until the visitor closes it; the browser remembers that. A button in the bar brings
// it back.
FusionLens.define("intro", (root) => {
  const { el, say, stored, words } = FusionLens;
  const KEY = "fusion-lens-intro";
  const picture = el("div", { className: "picture" });
  const text = el("div", { className: "sentences" });
  const actions = el("div", { className: "actions" });
  root.append(picture, text, actions);
  root.setAttribute("role", "region");
  const close = () => {
    stored((storage) => storage.setItem(KEY, "closed"));
    show(false);
  };
  FusionLens.listen("start-tour", () => {
    close();
    FusionLens.tour.begin();
  });
  const show = (on) => {
    root.hidden = !on;
    FusionLens.send("intro", on);
  };
  show(stored((storage) => storage.getItem(KEY)) !== "closed");
  FusionLens.listen("show-intro", () => {
    stored((storage) => storage.removeItem(KEY));
    show(true);
    actions.querySelector("button:last-child")?.focus();
    root.scrollIntoView({ block: "nearest" });
  });
  const draw = (value) => {
    root.setAttribute("aria-label", say("Introduction"));
    const drawn = new DOMParser().parseFromString(value.picture, "image/svg+xml").documentElement;
    for (const written of drawn.querySelectorAll("text")) {
      written.textContent = say(written.textContent.trim());
      if (written.textContent.length === 9) written.setAttribute("font-size", 12);
    }
    picture.replaceChildren(document.importNode(drawn, true));
    const seen = new Set();
    text.replaceChildren(...value.sentences.map((sentence) => el("p", {}, ...FusionLens.terms(sentence, seen))));
    const paper = el("a", { href: value.paper, target: "_blank", rel: "noopener" }, value.paper_label);
    paper.append(el("span", { className: "sr-only" }, say(" about qa-FLoRA (opens a new page)")));
    const method = el("button", { type: "button", className: "quiet", at: { "aria-label": say("About the method qa-FLoRA") } }, value.method_label);
    method.addEventListener("click", () => FusionLens.showMethod(value.method));
    const label = FusionLens.tour.label();
    const tour = el("button", { type: "button", className: "tour", lang: label.language }, label.text);
    tour.addEventListener("click", () => FusionLens.send("start-tour"));
    const got = el("button", { type: "button", className: "close", title: words("Close the introduction") }, words("Got it"));
    got.addEventListener("click", () => {
      close();
      document.querySelector("#grid .figure")?.focus({ preventScroll: true });
    });
    actions.replaceChildren(paper, method, tour, got);
  };
  return {
    update(value) {
      FusionLens.tour.prepare(root, value.tour);
      draw(value);
    },
    speak: draw,
  };
});
