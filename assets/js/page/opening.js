// The page is inert until its address is read: a link's values would replace what a visitor sets before,
// and a question would be asked without them. On a slow connection this takes seconds.
(() => {
  const MOST_MS = 20_000; // then the server is gone, and the page says so where it is used
  const later = [];
  let reading = 0;
  const open = () => {
    document.documentElement.inert = false;
    for (const act of later.splice(0)) act();
  };
  document.documentElement.inert = true;
  setTimeout(open, MOST_MS);
  // Both belong to each event that reads the address as the page loads; all of them begin at once.
  FusionLens.openingBegins = () => void (reading += 1);
  FusionLens.openingEnds = () => (reading -= 1) || open();
  // Now, or once the page is open: nothing of an inert page can be focused.
  FusionLens.whenOpen = (act) => (document.documentElement.inert ? later.push(act) : act());
})();
