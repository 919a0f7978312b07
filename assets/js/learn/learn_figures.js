// Small figures that move with the student's input. Each is a table of numbers with bars in it, and
// a sentence that says what the figure shows.
(() => {
  const { el, lessons } = FusionLens;

  const slider = (label, { min, max, step, value, text }) => {
    const input = el("input", { type: "range", min, max, step, value });
    input.setAttribute("aria-label", label);
    const shown = el("output", {}, text(Number(value)));
    input.setAttribute("aria-valuetext", text(Number(value)));
    input.addEventListener("input", () => {
      shown.textContent = text(Number(input.value));
      input.setAttribute("aria-valuetext", shown.textContent);
    });
    return { node: el("label", { className: "slider" }, el("span", {}, label), input, shown), value: () => Number(input.value) };
  };

  // rows: [head, ...cells]; a cell is text, or {text, share, kind} with a bar of that share.
  const table = (columns, rows, className = "") => {
    const cell = (content) => {
      if (typeof content !== "object") return el("td", {}, content);
      const bar = el("span", { className: `bar ${content.kind ?? ""}`, at: { "aria-hidden": "true" } });
      bar.style.setProperty("--share", Math.max(0, Math.min(1, content.share)));
      return el("td", { className: "with-bar" }, bar, el("span", {}, content.text));
    };
    const head = columns.length ? el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, name)))) : null;
    const body = rows.map(([first, ...cells]) => el("tr", {}, el("th", { scope: "row" }, first), ...cells.map(cell)));
    return el("table", { className }, head, el("tbody", {}, ...body));
  };

  const softmax = (scores) => {
    const powers = scores.map(Math.exp);
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  };
  const sum = (values) => values.reduce((a, b) => a + b, 0);

  // W + s·ΔW: the shade of a cell is its number.
  const addition = (words) => {
    const base = [[0.8, 0.1, 0.5, 0.3], [0.2, 0.9, 0.1, 0.6], [0.6, 0.3, 0.7, 0.2], [0.1, 0.5, 0.2, 0.8]];
    const [up, down] = [[0.6, -0.1, 0.4, 0.2], [-0.7, 0.5, 0.3, -0.4]];
    const added = up.map((a) => down.map((b) => a * b));
    const matrix = (name, rows, changed) => {
      const body = rows.map((row) => el("tr", {}, ...row.map((value) => {
        const td = el("td", {}, words.number(value, 2));
        td.style.setProperty("--share", Math.min(1, Math.abs(value)));
        td.dataset.sign = value < 0 ? "-" : "+";
        return td;
      })));
      return el("table", { className: `matrix ${changed}` }, el("caption", {}, name), el("tbody", {}, ...body));
    };
    const strength = slider(words("figures.strength"), { min: 0, max: 1.5, step: 0.1, value: 1, text: (value) => `× ${words.number(value, 1)}` });
    const place = el("div", { className: "matrices" });
    const draw = () => {
      const s = strength.value();
      const now = base.map((row, i) => row.map((value, j) => value + s * added[i][j]));
      place.replaceChildren(matrix(`W · ${words("figures.base")}`, base, ""), el("span", { className: "sign", at: { "aria-hidden": "true" } }, "+"), matrix(`ΔW · ${words("figures.adapter")}`, added.map((row) => row.map((value) => s * value)), "adapter"), el("span", { className: "sign", at: { "aria-hidden": "true" } }, "="), matrix(words("figures.together"), now, "both"));
      return words("figures.addition", { strength: words.number(s, 1), from: words.number(base[0][0]), to: words.number(now[0][0]) });
    };
    return { controls: [strength.node], place, draw };
  };

  const reading = (words) => {
    const names = words("figures.words");
    const scores = [2.2, 0.9, 0.4, -1.5];
    const early = [-0.4, 0.1, 0.3, 0.9];
    const layer = slider(words("figures.layer"), { min: 0, max: 8, step: 1, value: 2, text: String });
    const place = el("div", {});
    const draw = () => {
      const part = layer.value() / 8;
      const shares = softmax(scores.map((score, at) => 1.6 * part * part * score + (1 - part) * early[at]));
      const best = shares.indexOf(Math.max(...shares));
      place.replaceChildren(table([words("figures.word"), words("figures.probability")], names.map((name, at) => [name, { text: words.percent(shares[at]), share: shares[at], kind: at === best ? "best" : "" }])));
      return words("figures.reading", { layer: layer.value(), word: names[best], share: words.percent(shares[best]) });
    };
    return { controls: [layer.node], place, draw };
  };

  const divergence = (words) => {
    const names = words("figures.words");
    const base = [0.45, 0.3, 0.2, 0.05];
    const scores = base.map(Math.log);
    const pushes = [-0.8, 0.2, 1.1, 0.3];
    const push = slider(words("figures.push"), { min: 0, max: 2, step: 0.1, value: 0.8, text: (value) => words.number(value, 1) });
    const place = el("div", {});
    const draw = () => {
      const moved = softmax(scores.map((score, at) => score + push.value() * pushes[at]));
      const terms = base.map((p, at) => p * Math.log(p / moved[at]));
      const most = terms.indexOf(Math.max(...terms));
      const rows = names.map((name, at) => [name, { text: words.percent(base[at]), share: base[at] }, { text: words.percent(moved[at]), share: moved[at], kind: "adapter" }, words.number(terms[at], 2)]);
      place.replaceChildren(table([words("figures.word"), `p · ${words("figures.base")}`, `q · ${words("figures.adapter")}`, words("figures.term")], rows));
      return push.value() === 0 ? words("figures.nothing") : words("figures.divergence", { value: words.number(sum(terms)), word: names[most] });
    };
    return { controls: [push.node], place, draw };
  };

  const shares = (words) => {
    const names = words("figures.names");
    const sliders = [0.9, 0.4, 0.2].map((value, at) => slider(words("figures.of", { name: names[at] }), { min: 0, max: 1, step: 0.05, value, text: (now) => words.number(now) }));
    const place = el("div", {});
    const draw = () => {
      const values = sliders.map((one) => one.value());
      const total = sum(values);
      const weights = values.map((value) => (total ? value / total : 1 / values.length));
      const most = weights.indexOf(Math.max(...weights));
      place.replaceChildren(table([words("figures.adapter"), words("figures.value"), words("figures.weight")], names.map((name, at) => [name, { text: words.number(values[at]), share: values[at], kind: "adapter" }, { text: words.number(weights[at]), share: weights[at] }])));
      if (Math.min(...weights) === weights[most]) return words("figures.tie", { weight: words.number(weights[most]) });
      return words("figures.shares", { name: names[most], own: words.number(values[most]), total: words.number(total), weight: words.number(weights[most]) });
    };
    return { controls: sliders.map((one) => one.node), place, draw };
  };

  const blend = (words) => {
    const names = words("figures.names");
    let method = "static";
    const options = ["static", "sum", "qa"].map((key) => ({ key, label: words(`figures.${key}`) }));
    const choice = lessons.choice({ legend: words("figures.method"), name: "blend", options, chosen: [method], change: ([key]) => {
      method = key;
      choice.dispatchEvent(new Event("input"));
    } });
    choice.classList.add("small");
    const needed = slider(words("figures.needed"), { min: 0.1, max: 0.9, step: 0.1, value: 0.7, text: (value) => words.percent(value) });
    const place = el("div", {});
    const draw = () => {
      const need = needed.value();
      const rest = (1 - need) / 2;
      const weights = { static: [1 / 3, 1 / 3, 1 / 3], sum: [1, 1, 1], qa: [need, rest, rest] }[method];
      place.replaceChildren(table([words("figures.adapter"), words("figures.weight")], names.map((name, at) => [name, { text: words.number(weights[at]), share: weights[at] }])));
      return words(`figures.blend_${method}`, { weight: words.number(weights[0]), total: sum(weights) });
    };
    return { controls: [choice, needed.node], place, draw };
  };

  const size = (words) => {
    // Twice the strength is what the student predicts next.
    const strength = slider(words("figures.copy"), { min: 0, max: 1.75, step: 0.25, value: 1, text: (value) => `× ${words.number(value)}` });
    const place = el("div", {});
    const draw = () => {
      // Near the base, a divergence grows with the square of the push.
      const s = strength.value();
      const values = [0.2, 0.2 * s * s];
      const weights = values.map((value) => value / sum(values));
      const names = [words("figures.original"), words("figures.stronger", { strength: words.number(s) })];
      place.replaceChildren(table([words("figures.adapter"), words("figures.knows"), words("figures.weight")], names.map((name, at) => [name, words("figures.same"), { text: words.number(weights[at]), share: weights[at] }])));
      return words("figures.size", { ratio: words.number(s * s, 1) });
    };
    return { controls: [strength.node], place, draw };
  };

  const figures = { addition, reading, divergence, shares, blend, size };

  // A figure with its caption; it moves with its controls.
  lessons.figure = (name, words, caption, facts) => {
    const made = figures[name](words);
    const sentence = el("p", { className: "sentence", at: { "aria-live": "polite" } });
    const tell = () => (sentence.textContent = made.draw());
    tell();
    for (const control of made.controls) control.addEventListener("input", tell);
    const figure = el("figure", { className: "lesson-figure", data: { name } }, el("figcaption", {}, lessons.fill(caption, facts)), ...made.controls, made.place, sentence);
    return figure;
  };
})();
