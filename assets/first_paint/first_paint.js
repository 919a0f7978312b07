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
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  view.classList.toggle("dark", dark);
  if (given.has("q")) view.querySelector(".query").textContent = given.get("q");
}
