// Export: files that the server makes, images that the browser draws, and the permalink.
FusionLens.define("export", (root, trigger) => {
  const { el } = FusionLens;
  let link = null; // null while it is the page's own address
  const message = el("span", { className: "message", at: { role: "status" } });

  const save = (name, address) => {
    const anchor = el("a", { href: address, download: name });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    message.textContent = `Saved ${name}`;
  };
  const image = async (format) => {
    const figure = document.querySelector("#grid .figure");
    if (!window.Plotly || figure.hidden || !figure.data?.length) return (message.textContent = "Show the grid as a chart first.");
    const paper_bgcolor = FusionLens.colour("--body-background-fill") || "#ffffff";
    const { data, layout } = figure;
    const size = { width: figure.clientWidth, height: layout.height };
    save(`fusion-lens.${format}`, await window.Plotly.toImage({ data, layout: { ...layout, paper_bgcolor } }, { format, scale: 2, ...size }));
  };
  const copy = async () => {
    const done = await FusionLens.copy(link ? FusionLens.withLink(link) : location.href);
    message.textContent = done ? "Copied the link" : "This browser does not allow copying. Copy the link from the address bar.";
  };

  const actions = [
    ["Copy link", copy],
    ["PNG", () => image("png")],
    ["SVG", () => image("svg")],
    ...["json", "csv", "html", "py"].map((kind) => [
      { json: "JSON", csv: "CSV", html: "Web page", py: "Python" }[kind],
      () => trigger("export", { kind }),
    ]),
  ];

  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Export");
  root.append(el("span", { className: "lead" }, "Export"));
  for (const [name, action] of actions) {
    const button = el("button", { type: "button", className: "quiet", textContent: name });
    button.addEventListener("click", action);
    root.append(button);
  }
  root.append(message);
  return {
    update(value) {
      root.hidden = !value.ready;
      if (value.link !== null) {
        link = value.link;
        if (value.run) {
          history.replaceState(null, "", FusionLens.withLink(link));
          FusionLens.send("run", { link: link.text, run: value.run });
        }
        message.textContent = value.note;
      }
      if (!value.file) return;
      const { name, media, text } = value.file;
      const address = URL.createObjectURL(new Blob([text], { type: `${media};charset=utf-8` }));
      save(name, address);
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    },
  };
});
