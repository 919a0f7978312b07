"""Exported files: made on demand from the session, and not stored."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from analysis.models.collection import Collection
from analysis.models.provenance import provenance
from app.export import html_report, python_snippet
from app.export.bundle import ExportBundle, weight_settings
from app.state.session import Session
from app.state.snapshot import Snapshot, difference
from app.views.export_panel import SavedFile

if TYPE_CHECKING:
    from app.state.run import Run
    from app.state.stored_example import StoredExample

_LONGEST_NAME = 40


def export(
    kind: str, collection: Collection, session: Session, example: StoredExample | None = None
) -> SavedFile:
    """A file for the browser to save.

    Args:
        kind: One of `KINDS`.
        collection: The collection.
        session: The visitor's session; it shows a snapshot.
        example: The stored run, which the page shows before the first question.
    """
    session = session.copy()
    run, answer_stream, snapshot = session.run, session.answer_stream, session.snapshot
    assert snapshot is not None
    what_if = session.what_if
    source: Run | StoredExample | None = run or example
    bundle = ExportBundle(
        collection,
        provenance(
            collection,
            source.computation if source else None,
            run.engine.facts.digests if run else None,
        ),
        snapshot,
        painted=what_if.weights if what_if and what_if.touched else None,
        pinned=session.pinned_snapshot,
    )
    if run is not None:
        bundle = replace(bundle, prompt=run.prompt)
        # The answers belong to an older question if the newest was stopped before its answers.
        if answer_stream is not None and answer_stream.run == run.number:
            bundle = replace(
                bundle, answers=answer_stream.panel(), answer_record=session.answer_record
            )
    elif example is not None:
        bundle = replace(
            bundle,
            prompt=example.prompt,
            answers=example.answers,
            answer_record=example.answer_record(),
        )
    media, make = _KINDS[kind]
    return SavedFile(f"{name_of(snapshot.query)}.{kind}", media, make(bundle))


def name_of(query: str) -> str:
    """The name of a file about a question, without its kind: the question's first words."""
    words = re.findall(r"\w+", query.lower())
    name = ""
    for word in words:
        if len(name) + len(word) > _LONGEST_NAME:
            break
        name += f"-{word}"
    return f"fusion-lens{name}"


def to_json(bundle: ExportBundle) -> str:
    """The whole bundle: numbers, shapes, settings, answers and provenance."""
    snapshot, source, prompt = bundle.snapshot, bundle.source, bundle.prompt
    visible = slice(snapshot.visible_layers.start, snapshot.visible_layers.stop)
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
            {
                "name": name,
                "label": label,
                "sha256": digests[name].sha256,
                "config_sha256": digests[name].config_sha256,
            }
            for name, label in zip(snapshot.adapters, snapshot.labels, strict=True)
        ],
        "settings": asdict(snapshot.view_settings),
        "shape": {"layers": len(snapshot.visible_layers), "adapters": snapshot.width},
        "layers": list(snapshot.visible_layers),
        "divergence": snapshot.divergence[visible],
        "weights": snapshot.weights[visible],
        "usual": snapshot.usual[visible] if snapshot.usual else None,
        "largest_base_probability": snapshot.peaks[visible],
        "painted": bundle.painted and bundle.painted[visible],
        "compared_with": bundle.pinned and _compared(bundle.pinned),
        "answers": _answers(bundle),
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def _compared(pinned: Snapshot) -> dict[str, Any]:
    visible = slice(pinned.visible_layers.start, pinned.visible_layers.stop)
    return {
        "query": pinned.query,
        "adapters": pinned.adapters,
        "settings": asdict(pinned.view_settings),
        "layers": list(pinned.visible_layers),
        "divergence": pinned.divergence[visible],
        "weights": pinned.weights[visible],
    }


def _answers(bundle: ExportBundle) -> dict[str, Any] | None:
    answers, answer_record = bundle.answers, bundle.answer_record
    if answers is None or answer_record is None:
        return None
    settings = asdict(answer_record.settings)
    settings["divergence"] = asdict(weight_settings(bundle.collection, answer_record.settings))
    rows = [
        {
            "name": card.name,
            "label": card.label,
            "adapters": weights.adapters,
            "weights": weights.mean,
            "weights_deviation": weights.deviation,
            "text": card.text,
            "tokens": card.tokens,
            "end": card.end,
        }
        for card, weights in zip(answers.rows, answer_record.weights, strict=True)
    ]
    return {
        "settings": settings,
        "token_fields": ["text", "probability", "token"],
        "rows": rows,
        "unavailable": {one.name: one.reason for one in answers.missing},
    }


def to_csv(bundle: ExportBundle) -> str:
    """One line for each cell of the visible layers."""
    snapshot = bundle.snapshot
    written = io.StringIO()
    table = csv.writer(written)
    # Names, not labels: a spreadsheet could take the start of a label for a formula.
    columns = {"divergence": snapshot.divergence, "weight": snapshot.weights}
    if bundle.painted is not None:
        columns["painted_weight"] = bundle.painted
    changed = difference(bundle.pinned, snapshot) if bundle.pinned else None
    heads = [*columns, "weight_minus_pinned"] if changed else list(columns)
    settings = asdict(snapshot.view_settings.weight_settings)
    table.writerow(["layer", "adapter", *heads, "saturated", "collection", *settings])
    for layer in snapshot.visible_layers:
        for place, name in enumerate(snapshot.adapters):
            row: list[object] = [numbers[layer][place] for numbers in columns.values()]
            if changed is not None:
                there = name in changed.adapters
                row.append(changed.values[layer][changed.adapters.index(name)] if there else "")
            saturated = int(layer in snapshot.saturated)
            table.writerow(
                [layer, name, *row, saturated, bundle.collection.name, *settings.values()]
            )
    return written.getvalue()


def _to_html(bundle: ExportBundle) -> str:
    return html_report.write(bundle)


def _to_py(bundle: ExportBundle) -> str:
    file = f"{name_of(bundle.snapshot.query)}.py"
    return python_snippet.write(bundle.source, bundle.snapshot, bundle.answer_record, file)


_KINDS: dict[str, tuple[str, Callable[[ExportBundle], str]]] = {
    "json": ("application/json", to_json),
    "csv": ("text/csv", to_csv),
    "html": ("text/html", _to_html),
    "py": ("text/x-python", _to_py),
}
KINDS = tuple(_KINDS)
