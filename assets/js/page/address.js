// The page's address: the values of the tabs' controls in it.
// Keys that open a tab, with its title: the link to another tab does not have them.
FusionLens.tabKeys = {};
// Opens the tab of such a key if the address has it. Gradio makes the tabs after the page has been loaded.
FusionLens.openLinked = (key) => {
  if (!new URLSearchParams(location.search).has(key)) return;
  const until = performance.now() + 60_000;
  const open = () => {
    const ready = document.querySelector("#grid .fl-panel");
    if (!(ready && FusionLens.openTab(FusionLens.tabKeys[key])) && performance.now() < until) setTimeout(open, 100);
  };
  open();
};
// The address with a link in it, which opens the tab of this title; other keys of the address stay, and so does the theme that the visitor
// has chosen here or before.
FusionLens.withLink = ({ text, keys }, tab = "") => {
  const leads = ([key]) => tab && (FusionLens.tabKeys[key] ?? tab) !== tab;
  const others = [...new URLSearchParams(location.search)].filter((pair) => !keys.includes(pair[0]) && !leads(pair));
  const theme = FusionLens.stored((storage) => storage.getItem("fusion-lens-theme"));
  if (theme && !others.some(([key]) => key === "__theme")) others.push(["__theme", FusionLens.dark() ? "dark" : "light"]);
  const search = [text, new URLSearchParams(others).toString()].filter(Boolean).join("&");
  return new URL(`${location.pathname}${search && "?"}${search}${location.hash}`, location.href).href;
};
FusionLens.define("address", () => ({
  update(link) {
    if (link.keys.length) history.replaceState(null, "", FusionLens.withLink(link));
  },
  speak: () => {},
}));
