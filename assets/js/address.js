// The page's address: the values of the tabs' controls in it.
// The address with a link in it; other keys of the address stay.
FusionLens.withLink = ({ text, keys }) => {
  const others = [...new URLSearchParams(location.search)].filter(([key]) => !keys.includes(key));
  const search = [text, new URLSearchParams(others).toString()].filter(Boolean).join("&");
  return new URL(`${location.pathname}${search && "?"}${search}${location.hash}`, location.href).href;
};
FusionLens.define("address", () => ({
  update(link) {
    if (link.keys.length) history.replaceState(null, "", FusionLens.withLink(link));
  },
}));
