// Export: files that the server makes, images that the browser draws, and the permalink.
FusionLens.define("export", (root, trigger) => {
  const { el } = FusionLens;
  // The name of an image's file, and the lines above the image.
  let name = "fusion-lens";
  let caption = [];
  let link = null; // null while it is the page's own address
  const message = el("span", { className: "message", at: { role: "status" } });

  const save = (file, address) => {
    const anchor = el("a", { href: address, download: file });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    message.textContent = `Saved ${file}`;
  };
  const image = async (format) => {
    const figure = document.querySelector("#grid .figure");
    if (!window.Plotly || figure.hidden || !figure.data?.length) return (message.textContent = "Show the grid as a chart first.");
    const size = { width: Math.max(figure.clientWidth, 760) };
    const { data, layout } = FusionLens.captioned(figure, caption, size.width);
    save(`${name}.${format}`, await window.Plotly.toImage({ data, layout }, { format, scale: 2, ...size, height: layout.height }));
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
  for (const [label, action] of actions) {
    const button = el("button", { type: "button", className: "quiet", textContent: label });
    button.addEventListener("click", action);
    root.append(button);
  }
  root.append(message);
  return {
    update(value) {
      root.hidden = !value.ready;
      if (value.name) ({ name, caption } = value);
      if (value.link !== null) {
        link = value.link;
        if (value.run) {
          history.replaceState(null, "", FusionLens.withLink(link));
          FusionLens.send("run", { link: link.text, run: value.run });
        }
        message.textContent = value.note;
      }
      if (!value.file) return;
      const { media, text } = value.file;
      const address = URL.createObjectURL(new Blob([text], { type: `${media};charset=utf-8` }));
      save(value.file.name, address);
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    },
  };
});
