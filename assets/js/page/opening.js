// The page is inert until its address is read: a link's values would replace what a visitor sets before,
// and a question would be asked without them. On a slow connection this takes seconds.
(() => {
  const MOST_MS = 20_000; // after so long it opens anyway
  const later = [];
  let reading = 0;
  let patience = setTimeout(() => open(), 3 * MOST_MS);
  const open = () => {
    clearTimeout(patience);
    document.documentElement.inert = false;
    for (const act of later.splice(0)) act();
  };
  document.documentElement.inert = true;
  // Both belong to each event that reads the address as the page loads; all of them begin at once.
  FusionLens.openingBegins = () => {
    reading += 1;
    clearTimeout(patience);
    patience = setTimeout(open, MOST_MS);
  };
  FusionLens.openingEnds = () => {
    reading -= 1;
    if (reading <= 0) open();
  };
  // Now, or once the page is open: nothing of an inert page can be focused.
  FusionLens.whenOpen = (act) => (document.documentElement.inert ? later.push(act) : act());
})();
