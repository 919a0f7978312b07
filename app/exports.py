"""What visitors take with them: a picture's numbers as files, made on demand and kept nowhere."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from analysis.collection import Collection
from app import snippet, views, webpage
from app.answers import Sheet
from app.picture import Picture
from app.session import Session

if TYPE_CHECKING:
    from analysis.prompt import Prompt
    from analysis.provenance import Provenance
    from app.answering import Asked


@dataclass(frozen=True)
class Taken:
    """What is taken along.

    Attributes:
        collection: What ran.
        source: What it was made with.
        picture: What is shown.
        prompt: What the model read; None for the stored example.
        sheet: The answers to the same question, if there are any.
        asked: What they were made from.
    """

    collection: Collection
    source: Provenance
    picture: Picture
    prompt: Prompt | None = None
    sheet: Sheet | None = None
    asked: Asked | None = None


def take(kind: str, collection: Collection, session: Session) -> views.View:
    """A file for the browser to save: its name, its type and its text.

    Args:
        kind: One of `KINDS`.
        collection: What ran.
        session: The visitor's, with a picture.
    """
    from analysis.provenance import provenance  # imports what the page need not wait for

    run, sheet, picture = session.run, session.sheet, session.picture
    assert picture is not None
    # Where a newer question was stopped before its answers, the older ones do not belong to it.
    answered = run is not None and sheet is not None and sheet.run == run.number
    taken = Taken(
        collection,
        provenance(collection),
        picture,
        run.trace.prompt if run else None,
        sheet if answered else None,
        session.asked if answered else None,
    )
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
        "answers": _answers(taken),
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def _answers(taken: Taken) -> views.View | None:
    sheet, asked = taken.sheet, taken.asked
    if sheet is None or asked is None:
        return None
    settings = asdict(asked.settings)
    rows = [
        {
            "name": view["name"],
            "label": view["label"],
            "adapters": row.adapters,
            "weights": row.weights_LK.tolist(),
            "text": sheet.text(index),
            "tokens": view["tokens"],
            "end": view["end"],
        }
        for index, (view, row) in enumerate(zip(sheet.view()["rows"], asked.rows, strict=True))
    ]
    return {"settings": settings, "token_fields": ["text", "probability", "token"], "rows": rows}


def to_csv(taken: Taken) -> str:
    """One line for each cell that is shown."""
    picture = taken.picture
    written = io.StringIO()
    table = csv.writer(written)
    # Names, not labels: a label may begin with what a spreadsheet takes for a formula.
    table.writerow(["layer", "adapter", "divergence", "weight"])
    for layer in picture.shown:
        for place, name in enumerate(picture.adapters):
            row = [picture.divergence[layer][place], picture.weights[layer][place]]
            table.writerow([layer, name, *row])
    return written.getvalue()


def _to_html(taken: Taken) -> str:
    return webpage.write(
        taken.collection.title, taken.picture, taken.source, taken.sheet, taken.asked
    )


def _to_py(taken: Taken) -> str:
    return snippet.write(taken.source, taken.picture, taken.asked)


_KINDS: dict[str, tuple[str, Callable[[Taken], str]]] = {
    "json": ("application/json", to_json),
    "csv": ("text/csv", to_csv),
    "html": ("text/html", _to_html),
    "py": ("text/x-python", _to_py),
}
KINDS = tuple(_KINDS)
