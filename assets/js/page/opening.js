// The page is inert until its address is read: a link's values would replace what a visitor sets before,
// and a question would be asked without them. On a slow connection this takes seconds.
(() => {
  const MOST_MS = 20_000; // then the server is gone, and the page says so where it is used
  let open = 0;
  const act = () => (document.documentElement.inert = false);
  document.documentElement.inert = true;
  setTimeout(act, MOST_MS);
  // Both belong to each event that reads the address as the page loads; all of them begin at once.
  FusionLens.openingBegins = () => void (open += 1);
  FusionLens.openingEnds = () => (open -= 1) || act();
})();
