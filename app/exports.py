"""What visitors take with them: a picture's numbers as files, made on demand and kept nowhere."""

from __future__ import annotations

import csv
import html
import io
import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from analysis.collection import Collection
from app import text, views
from app.answers import Sheet
from app.picture import Picture

_PACKAGES = ("torch", "transformers", "peft", "gradio", "plotly")

_SNIPPET = """\
from analysis import Engine, Reading, fuse, load_collection
from analysis.weights import weigh

engine = Engine.load(load_collection({collection!r}))
trace = engine.trace({query!r}, {adapters!r})
divergence = engine.divergence(trace, {lens!r}, {position!r}, {metric!r})
weights = weigh(divergence.values_LK, {normalisation!r}, {temperature!r})
print(weights)  # [layers, adapters]

reading = Reading(trace.adapters, trace.layers, lambda: divergence.values_LK)
for step in engine.answer(trace.prompt, fuse(["base", "static", "qa-flora"], reading)):
    for token in step.tokens:
        print(step.index, token.row, repr(token.delta), token.probability)
"""


def take(kind: str, collection: Collection, picture: Picture, sheet: Sheet | None) -> views.View:
    """A file for the browser to save: its name, its type and its text.

    Args:
        kind: `json`, `csv`, `html` or `py`.
        collection: What ran.
        picture: What is shown.
        sheet: The answers, if there are any.
    """
    make = _KINDS[kind]
    media, written = make(collection, picture, sheet)
    return {"name": f"fusion-lens.{kind}", "media": media, "text": written}


def _json(collection: Collection, picture: Picture, sheet: Sheet | None) -> tuple[str, str]:
    base = collection.base
    content: dict[str, Any] = {
        "collection": collection.name,
        "base": {"source": base.source, "location": base.location, "revision": base.revision},
        "query": picture.query,
        "adapters": [
            {"name": name, "label": label}
            for name, label in zip(picture.adapters, picture.labels, strict=True)
        ],
        "shape": {"layers": picture.layers, "adapters": picture.width},
        "settings": asdict(picture.look),
        "divergence": picture.divergence,
        "weights": picture.weights,
        "largest_base_probability": picture.peaks,
        "answers": sheet.view()["rows"] if sheet else [],
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }
    return "application/json", json.dumps(content, ensure_ascii=False, indent=1)


def _csv(collection: Collection, picture: Picture, sheet: Sheet | None) -> tuple[str, str]:
    written = io.StringIO()
    table = csv.writer(written)
    # Names, not labels: a label may begin with what a spreadsheet takes for a formula.
    table.writerow(["layer", "adapter", "divergence", "weight"])
    for layer in range(picture.layers):
        for place, name in enumerate(picture.adapters):
            row = [picture.divergence[layer][place], picture.weights[layer][place]]
            table.writerow([layer, name, *row])
    return "text/csv", written.getvalue()


def _html(collection: Collection, picture: Picture, sheet: Sheet | None) -> tuple[str, str]:
    heads = "".join(f"<th>{_escaped(label)}</th>" for label in picture.labels)
    body = ""
    for layer, weights in enumerate(picture.weights):
        cells = "".join(
            f'<td style="background:rgba(52,72,159,{weight:.3f});'
            f'color:{"#fff" if weight > 0.5 else "#181b25"}">{weight:.2f}</td>'
            for weight in weights
        )
        body += f"<tr><th>{layer}</th>{cells}</tr>\n"
    answers = ""
    for index, row in enumerate(sheet.view()["rows"] if sheet else []):
        written = _escaped(sheet.text(index)) if sheet else ""
        answers += f"<h3>{_escaped(row['label'])}</h3><pre>{written}</pre>"
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Fusion Lens</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 960px; margin: 40px auto; color: #181b25 }}
table {{ border-collapse: separate; border-spacing: 2px; width: 100% }}
td, th {{ padding: 3px 8px; text-align: center; font-weight: 400 }}
thead th {{ font-weight: 600 }} pre {{ white-space: pre-wrap; font: inherit }}
</style>
<h1>Fusion Lens</h1>
<p>{_escaped(collection.title)}</p>
<blockquote>{_escaped(picture.query)}</blockquote>
<p>{_escaped(text.leaders(picture.weights, picture.labels))}</p>
<p>{_escaped(picture.look.described())}</p>
<table><thead><tr><th>layer</th>{heads}</tr></thead><tbody>
{body}</tbody></table>
{answers}
</html>
"""
    return "text/html", page


def _py(collection: Collection, picture: Picture, sheet: Sheet | None) -> tuple[str, str]:
    look = picture.look
    snippet = _SNIPPET.format(
        collection=collection.name,
        query=picture.query,
        adapters=list(picture.adapters),
        lens=look.lens,
        position=look.position,
        metric=look.metric,
        normalisation=look.normalisation,
        temperature=look.temperature,
    )
    return "text/x-python", snippet


def _escaped(given: str) -> str:
    # Line breaks stay; whatever else acts unseen is named, as on the page.
    return "\n".join(html.escape(text.plain(line)) for line in given.split("\n"))


_KINDS: dict[str, Callable[[Collection, Picture, Sheet | None], tuple[str, str]]] = {
    "json": _json,
    "csv": _csv,
    "html": _html,
    "py": _py,
}
KINDS = tuple(_KINDS)
