// Take it with you: files that the server writes, pictures that the browser draws, and the link.
FusionLens.define("take", (root, trigger) => {
  const { el } = FusionLens;
  let permalink = null; // of what is shown, where that is not the page's own
  const said = el("span", { className: "said", at: { role: "status" } });

  const save = (name, address) => {
    const link = el("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    said.textContent = `Saved ${name}`;
  };
  const picture = async (format) => {
    const figure = document.querySelector("#grid .figure");
    if (!window.Plotly || figure.hidden || !figure.data?.length) return (said.textContent = "Show the picture first.");
    const paper_bgcolor = FusionLens.colour("--body-background-fill") || "#ffffff";
    const { data, layout } = figure;
    const size = { width: figure.clientWidth, height: layout.height };
    save(`fusion-lens.${format}`, await window.Plotly.toImage({ data, layout: { ...layout, paper_bgcolor } }, { format, scale: 2, ...size }));
  };
  const copy = async () => {
    const done = await FusionLens.copy(permalink ?? location.href);
    said.textContent = done ? "Copied the link" : "This browser refuses to copy: take the link from the address bar.";
  };

  const actions = [
    ["Copy link", copy],
    ["PNG", () => picture("png")],
    ["SVG", () => picture("svg")],
    ...["json", "csv", "html", "py"].map((kind) => [
      { json: "JSON", csv: "CSV", html: "Web page", py: "Python" }[kind],
      () => trigger("take", { kind }),
    ]),
  ];
  // The page's address with another link in it; what others put there stays.
  const joined = ({ text, keys }) => {
    const others = [...new URLSearchParams(location.search)].filter(([key]) => !keys.includes(key));
    const search = [text, new URLSearchParams(others).toString()].filter(Boolean).join("&");
    return new URL(`${location.pathname}${search && "?"}${search}${location.hash}`, location.href).href;
  };

  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Take it with you");
  root.append(el("span", { className: "lead" }, "Take it with you"));
  for (const [name, action] of actions) {
    const button = el("button", { type: "button", className: "quiet", textContent: name });
    button.addEventListener("click", action);
    root.append(button);
  }
  root.append(said);
  return {
    update(value) {
      root.hidden = !value.ready;
      if (value.link !== null) {
        permalink = joined(value.link);
        if (value.run) {
          history.replaceState(null, "", permalink);
          FusionLens.tell("ran", { link: value.link.text, run: value.run });
        }
        said.textContent = value.note;
      }
      if (!value.file) return;
      const { name, media, text } = value.file;
      const address = URL.createObjectURL(new Blob([text], { type: `${media};charset=utf-8` }));
      save(name, address);
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    },
  };
});
