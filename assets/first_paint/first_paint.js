// Runs before the page's scripts: sets light or dark as the page will, and the question of a link.
{
  const view = document.getElementById("first-paint");
  const given = new URLSearchParams(location.search);
  let theme = given.get("__theme");
  try {
    theme ??= localStorage.getItem("fusion-lens-theme");
  } catch {
    // Some browsers' privacy modes refuse storage.
  }
  let intro = null;
  try {
    intro = localStorage.getItem("fusion-lens-intro");
  } catch {
    // As above.
  }
  if (intro === "closed") view.querySelector(".fl-intro").remove();
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  view.classList.toggle("dark", dark);
  // In the visitor's language, where the page's words are there; texts of others stay.
  const { say, speech } = window.FusionLens ?? {};
  if (say) {
    const others = "style, script, [dir=auto], .cells, .name, ul";
    for (const node of view.querySelectorAll("*")) if (!node.children.length && node.textContent && !node.closest(others)) node.textContent = say(node.textContent);
    view.querySelector(".language").textContent = speech.now.toUpperCase();
  }
  if (given.has("q")) view.querySelector(".query").textContent = given.get("q");
}
