// What a student did in the lessons, kept in this browser's own storage and nowhere else.
// Whether something is such work: the storage and a student's file may hold anything.
FusionLens.lessons.usable = (found) =>
  found?.schema === "fusion-lens-lessons" && found.version === 1 && Boolean(found.lessons) && typeof found.lessons === "object" && !Array.isArray(found.lessons);

FusionLens.lessons.store = () => {
  const KEY = "fusion-lens-lessons";
  const empty = () => ({ schema: "fusion-lens-lessons", version: 1, name: "", lessons: {} });
  const read = () => {
    try {
      const found = JSON.parse(FusionLens.stored((storage) => storage.getItem(KEY)));
      return FusionLens.lessons.usable(found) ? { ...empty(), ...found } : empty();
    } catch {
      return empty();
    }
  };
  let kept = read();
  // A lesson with another collection is another piece of work, and both are kept.
  let collection = "";
  const key = (id) => {
    const own = kept.lessons[id];
    return !own || own.collection === collection ? id : `${id}@${collection}`;
  };
  const keep = () => FusionLens.stored((storage) => storage.setItem(KEY, JSON.stringify(kept)));
  return {
    use: (name) => (collection = name),
    record: (id) => kept.lessons[key(id)] ?? {},
    save(id, changes) {
      const place = key(id);
      kept.lessons[place] = { ...kept.lessons[place], ...changes, collection };
      keep();
    },
    forget(id) {
      delete kept.lessons[key(id)];
      keep();
    },
    name(next) {
      if (next === undefined) return kept.name;
      kept.name = next.slice(0, 80);
      keep();
    },
    reset() {
      kept = empty();
      FusionLens.stored((storage) => storage.removeItem(KEY));
    },
    all: () => kept,
  };
};
