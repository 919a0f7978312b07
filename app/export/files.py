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
from app.export.bundle import ExportBundle
from app.state.answer_stream import text_of
from app.state.session import Session
from app.state.snapshot import Snapshot, difference
from app.views.cell_view import View

if TYPE_CHECKING:
    from app.state.stored_example import StoredExample


def take(
    kind: str, collection: Collection, session: Session, example: StoredExample | None = None
) -> View:
    """A file for the browser to save: its name, its type and its text.

    Args:
        kind: One of `KINDS`.
        collection: What ran.
        session: The visitor's, with a picture.
        example: The stored run, which it is a picture of where there is no other.
    """
    from analysis.models.provenance import provenance  # imports what the page need not wait for

    run, answer_stream, snapshot = session.run, session.answer_stream, session.snapshot
    assert snapshot is not None
    what_if = session.what_if
    source = run or example
    computation = source.computation if source else None
    bundle = ExportBundle(
        collection,
        provenance(collection, computation),
        snapshot,
        painted=what_if.weights if what_if and what_if.touched else None,
        pinned=session.pinned,
    )
    if run is not None:
        bundle = replace(bundle, prompt=run.trace.prompt)
        # Where a newer question was stopped before its answers, the older ones are not its own.
        if answer_stream is not None and answer_stream.run == run.number:
            bundle = replace(
                bundle, answers=answer_stream.view(), answer_record=session.answer_record
            )
    elif example is not None:
        bundle = replace(
            bundle,
            prompt=example.prompt,
            answers=example.answers,
            answer_record=example.answer_record(),
        )
    media, make = _KINDS[kind]
    return {"name": f"fusion-lens.{kind}", "media": media, "text": make(bundle)}


def to_json(bundle: ExportBundle) -> str:
    """Everything, with names: numbers, shapes, settings, answers and what made them."""
    snapshot, source, prompt = bundle.snapshot, bundle.source, bundle.prompt
    shown = slice(snapshot.shown.start, snapshot.shown.stop)
    digests = dict(zip(bundle.collection.names, source.adapters, strict=True))
    content: dict[str, Any] = {
        "versions": source.versions,
        "collection": {"name": bundle.collection.name, "bundled": source.bundled},
        "base": {
            "name": source.base,
            "revision": source.revision,
            "files": [asdict(file) for file in source.base_files],
        },
        "computed_in": source.computation and asdict(source.computation),
        "query": snapshot.query,
        "prompt": prompt and {"ids": prompt.ids, "tokens": prompt.tokens, "frame": prompt.frame},
        "adapters": [
            {"name": name, "label": label, "sha256": digests[name].sha256}
            for name, label in zip(snapshot.adapters, snapshot.labels, strict=True)
        ],
        "settings": asdict(snapshot.view_settings),
        "shape": {"layers": len(snapshot.shown), "adapters": snapshot.width},
        "layers": list(snapshot.shown),
        "divergence": snapshot.divergence[shown],
        "weights": snapshot.weights[shown],
        "largest_base_probability": snapshot.peaks[shown],
        "painted": bundle.painted and bundle.painted[shown],
        "compared_with": bundle.pinned and _compared(bundle.pinned),
        "answers": _answers(bundle),
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def _compared(pinned: Snapshot) -> View:
    shown = slice(pinned.shown.start, pinned.shown.stop)
    return {
        "query": pinned.query,
        "adapters": pinned.adapters,
        "settings": asdict(pinned.view_settings),
        "layers": list(pinned.shown),
        "divergence": pinned.divergence[shown],
        "weights": pinned.weights[shown],
    }


def _answers(bundle: ExportBundle) -> View | None:
    answers, answer_record = bundle.answers, bundle.answer_record
    if answers is None or answer_record is None:
        return None
    settings = asdict(answer_record.settings)
    rows = [
        {
            "name": view["name"],
            "label": view["label"],
            "adapters": weights.adapters,
            "weights": weights.mean,
            "weights_deviation": weights.deviation,
            "text": text_of(view),
            "tokens": view["tokens"],
            "end": view["end"],
        }
        for view, weights in zip(answers["rows"], answer_record.weights, strict=True)
    ]
    return {"settings": settings, "token_fields": ["text", "probability", "token"], "rows": rows}


def to_csv(bundle: ExportBundle) -> str:
    """One line for each cell that is shown."""
    snapshot = bundle.snapshot
    written = io.StringIO()
    table = csv.writer(written)
    # Names, not labels: a label may begin with what a spreadsheet takes for a formula.
    columns = {"divergence": snapshot.divergence, "weight": snapshot.weights}
    if bundle.painted is not None:
        columns["painted weight"] = bundle.painted
    changed = difference(bundle.pinned, snapshot) if bundle.pinned else None
    heads = [*columns, "weight less the pinned run's"] if changed else list(columns)
    table.writerow(["layer", "adapter", *heads])
    for layer in snapshot.shown:
        for place, name in enumerate(snapshot.adapters):
            row: list[object] = [numbers[layer][place] for numbers in columns.values()]
            if changed is not None:
                there = name in changed.adapters
                row.append(changed.values[layer][changed.adapters.index(name)] if there else "")
            table.writerow([layer, name, *row])
    return written.getvalue()


def _to_html(bundle: ExportBundle) -> str:
    return html_report.write(bundle)


def _to_py(bundle: ExportBundle) -> str:
    return python_snippet.write(bundle.source, bundle.snapshot, bundle.answer_record)


_KINDS: dict[str, tuple[str, Callable[[ExportBundle], str]]] = {
    "json": ("application/json", to_json),
    "csv": ("text/csv", to_csv),
    "html": ("text/html", _to_html),
    "py": ("text/x-python", _to_py),
}
KINDS = tuple(_KINDS)
