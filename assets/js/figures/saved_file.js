// Files that the browser saves.
FusionLens.save = (name, address) => {
  const anchor = FusionLens.el("a", { href: address, download: name });
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
};
// A file whose content the server gives.
FusionLens.saveText = ({ name, media, text }) => {
  const address = URL.createObjectURL(new Blob([text], { type: `${media};charset=utf-8` }));
  FusionLens.save(name, address);
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
};
// Only saves, and says so: for tabs without a link of their own.
FusionLens.define("saved-file", (root) => {
  const message = FusionLens.el("span", { className: "note", at: { role: "status" } });
  root.append(message);
  return {
    update(value) {
      if (!value.file) return;
      FusionLens.saveText(value.file);
      message.textContent = FusionLens.say("Saved {file}", { file: value.file.name });
    },
    speak: () => {}, // a file is saved once
  };
});
