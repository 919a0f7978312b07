// Says at each button that cannot be used why: on hover and to screen readers.
FusionLens.define("hints", (root) => {
  let before = {};
  root.hidden = true;
  return {
    update(reasons) {
      for (const id of Object.keys({ ...before, ...reasons })) {
        const button = document.getElementById(id);
        if (!button) continue;
        if (reasons[id]) {
          button.title = reasons[id];
          button.setAttribute("aria-description", reasons[id]);
        } else {
          button.removeAttribute("title");
          button.removeAttribute("aria-description");
        }
      }
      before = reasons;
    },
  };
});
