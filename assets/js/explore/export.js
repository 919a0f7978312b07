// Export: files that the server makes, images that the browser draws, and the permalink.
FusionLens.define("export", (root, trigger) => {
  const { el, say, words } = FusionLens;
  // The name of an image's file, and the lines above the image.
  let name = "fusion-lens";
  let caption = [];
  let link = null; // null while it is the page's own address
  const message = el("span", { className: "message", at: { role: "status" } });

  const save = (file, address) => {
    FusionLens.save(file, address);
    message.textContent = say("Saved {file}", { file });
  };
  const image = async (format) => {
    const figure = document.querySelector("#grid .figure");
    if (!window.Plotly || figure.hidden || !figure.data?.length) return (message.textContent = say("Show the grid as a chart first."));
    const size = { width: Math.max(figure.clientWidth, 760) };
    const { data, layout } = FusionLens.captioned(figure, caption, size.width);
    save(`${name}.${format}`, await window.Plotly.toImage({ data, layout }, { format, scale: 2, ...size, height: layout.height }));
  };
  const copy = async () => {
    const done = await FusionLens.copy(FusionLens.withLink(link ?? { text: "", keys: [] }, "Explore"));
    message.textContent = done ? say("Copied the link") : say("This browser does not allow copying. Copy the link from the address bar.");
  };

  const actions = [
    [words("Copy link"), copy],
    ["PNG", () => image("png")],
    ["SVG", () => image("svg")],
    ...["json", "csv", "html", "py"].map((kind) => [
      { json: "JSON", csv: "CSV", html: words("Web page"), py: "Python" }[kind],
      () => trigger("export", { kind }),
    ]),
    [
      words("Adapter"),
      () => {
        message.textContent = say("Making the adapter…");
        trigger("export", { kind: "adapter" });
      },
      words("One LoRA adapter with these weights in it, for any PEFT"),
    ],
  ];

  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Export");
  root.append(el("span", { className: "lead" }, words("Export")));
  for (const [label, action, title = ""] of actions) {
    const button = el("button", { type: "button", className: "quiet", textContent: label, title });
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
          history.replaceState(null, "", FusionLens.withLink(link, "Explore"));
          FusionLens.send("run", { link: link.text, run: value.run });
        }
        message.textContent = value.note;
      }
      if (value.download) save(decodeURIComponent(value.download.split("/").pop()), value.download);
      if (!value.file) return;
      FusionLens.saveText(value.file);
      message.textContent = say("Saved {file}", { file: value.file.name });
    },
    speak: () => {}, // a file is saved once
  };
});
