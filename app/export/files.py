"""What visitors take with them: a picture's numbers as files, made on demand and kept nowhere."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from analysis.models.manifest import Collection
from app.export import html_report, python_snippet
from app.export.bundle import Taken
from app.state.answer_stream import text_of
from app.state.session import Session
from app.state.snapshot import Picture, difference
from app.views.cell_view import View

if TYPE_CHECKING:
    from app.state.stored_example import First


def take(kind: str, collection: Collection, session: Session, example: First | None = None) -> View:
    """A file for the browser to save: its name, its type and its text.

    Args:
        kind: One of `KINDS`.
        collection: What ran.
        session: The visitor's, with a picture.
        example: The stored run, which it is a picture of where there is no other.
    """
    from analysis.models.provenance import provenance  # imports what the page need not wait for

    run, sheet, picture = session.run, session.sheet, session.picture
    assert picture is not None
    painting = session.painting if session.painting and session.painting.touched else None
    taken = Taken(
        collection,
        provenance(collection),
        picture,
        painted=painting and painting.weights,
        pinned=session.pinned,
    )
    if run is not None:
        taken = replace(taken, prompt=run.trace.prompt)
        # Where a newer question was stopped before its answers, the older ones are not its own.
        if sheet is not None and sheet.run == run.number:
            taken = replace(taken, answers=sheet.view(), asked=session.asked)
    elif example is not None:
        told = {"prompt": example.prompt, "answers": example.answers, "asked": example.asked()}
        taken = replace(taken, **told)
    media, make = _KINDS[kind]
    return {"name": f"fusion-lens.{kind}", "media": media, "text": make(taken)}


def to_json(taken: Taken) -> str:
    """Everything, with names: numbers, shapes, settings, answers and what made them."""
    picture, source, prompt = taken.picture, taken.source, taken.prompt
    shown = slice(picture.shown.start, picture.shown.stop)
    digests = dict(zip(taken.collection.names, source.adapters, strict=True))
    content: dict[str, Any] = {
        "versions": source.versions,
        "collection": {"name": taken.collection.name, "bundled": source.bundled},
        "base": {
            "name": source.base,
            "revision": source.revision,
            "files": [asdict(file) for file in source.base_files],
        },
        "query": picture.query,
        "prompt": prompt and {"ids": prompt.ids, "tokens": prompt.tokens, "frame": prompt.frame},
        "adapters": [
            {"name": name, "label": label, "sha256": digests[name].sha256}
            for name, label in zip(picture.adapters, picture.labels, strict=True)
        ],
        "settings": asdict(picture.look),
        "shape": {"layers": len(picture.shown), "adapters": picture.width},
        "layers": list(picture.shown),
        "divergence": picture.divergence[shown],
        "weights": picture.weights[shown],
        "largest_base_probability": picture.peaks[shown],
        "painted": taken.painted and taken.painted[shown],
        "compared_with": taken.pinned and _compared(taken.pinned),
        "answers": _answers(taken),
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def _compared(pinned: Picture) -> View:
    shown = slice(pinned.shown.start, pinned.shown.stop)
    return {
        "query": pinned.query,
        "adapters": pinned.adapters,
        "settings": asdict(pinned.look),
        "layers": list(pinned.shown),
        "divergence": pinned.divergence[shown],
        "weights": pinned.weights[shown],
    }


def _answers(taken: Taken) -> View | None:
    answers, asked = taken.answers, taken.asked
    if answers is None or asked is None:
        return None
    settings = asdict(asked.settings)
    rows = [
        {
            "name": view["name"],
            "label": view["label"],
            "adapters": row.adapters,
            "weights": row.weights_LK.tolist(),
            "text": text_of(view),
            "tokens": view["tokens"],
            "end": view["end"],
        }
        for view, row in zip(answers["rows"], asked.rows, strict=True)
    ]
    return {"settings": settings, "token_fields": ["text", "probability", "token"], "rows": rows}


def to_csv(taken: Taken) -> str:
    """One line for each cell that is shown."""
    picture = taken.picture
    written = io.StringIO()
    table = csv.writer(written)
    # Names, not labels: a label may begin with what a spreadsheet takes for a formula.
    columns = {"divergence": picture.divergence, "weight": picture.weights}
    if taken.painted is not None:
        columns["painted weight"] = taken.painted
    changed = difference(taken.pinned, picture) if taken.pinned else None
    heads = [*columns, "weight less the pinned run's"] if changed else list(columns)
    table.writerow(["layer", "adapter", *heads])
    for layer in picture.shown:
        for place, name in enumerate(picture.adapters):
            row: list[object] = [numbers[layer][place] for numbers in columns.values()]
            if changed is not None:
                there = name in changed.adapters
                row.append(changed.values[layer][changed.adapters.index(name)] if there else "")
            table.writerow([layer, name, *row])
    return written.getvalue()


def _to_html(taken: Taken) -> str:
    return html_report.write(taken)


def _to_py(taken: Taken) -> str:
    return python_snippet.write(taken.source, taken.picture, taken.asked)


_KINDS: dict[str, tuple[str, Callable[[Taken], str]]] = {
    "json": ("application/json", to_json),
    "csv": ("text/csv", to_csv),
    "html": ("text/html", _to_html),
    "py": ("text/x-python", _to_py),
}
KINDS = tuple(_KINDS)
