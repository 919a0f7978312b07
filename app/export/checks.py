"""Robustness checks as files: every number, with the settings that it was read with."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from analysis.common.errors import InputError
from analysis.models.collection import Collection
from app.export.files import name_of
from app.state.run import Check
from app.state.session import Session
from app.state.snapshot import Snapshot
from app.views.export_panel import SavedFile

KINDS = ("csv", "json")


def export_check(kind: str, name: str, collection: Collection, session: Session) -> SavedFile:
    """A file with the result of a robustness check, over the layers that the page shows.

    Args:
        kind: One of `KINDS`.
        name: Name of the check.
        collection: The collection.
        session: The visitor's session.

    Raises:
        InputError: The page shows no such check any more.
    """
    session = session.copy()
    snapshot, check = session.snapshot, session.checks.get(name)
    if snapshot is None or check is None:
        raise InputError("The grid has changed since this check: check again, then save.")
    file = f"{name_of(snapshot.query)}-{name}.{kind}"
    if kind == "csv":
        return SavedFile(file, "text/csv", _csv(check, snapshot, collection))
    return SavedFile(file, "application/json", _json(check, snapshot, collection))


def _json(check: Check, snapshot: Snapshot, collection: Collection) -> str:
    layers = snapshot.visible_layers
    content: dict[str, Any] = {
        "check": check.name,
        "collection": collection.name,
        "query": snapshot.query,
        **check.facts,
        "settings": asdict(snapshot.view_settings.weight_settings),
        "layers": list(layers),
        "saturated": [layer for layer in layers if layer in snapshot.saturated],
        "columns": check.columns,
        **{name: numbers[layers.start : layers.stop] for name, numbers in check.numbers.items()},
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def _csv(check: Check, snapshot: Snapshot, collection: Collection) -> str:
    written = io.StringIO()
    table = csv.writer(written)
    settings = asdict(snapshot.view_settings.weight_settings)
    column = "adapter" if check.name == "variants" else "copy"
    table.writerow(["layer", column, *check.numbers, "saturated", "collection", *settings])
    for layer in snapshot.visible_layers:
        for place, name in enumerate(check.columns):
            row = [_plain(numbers[layer][place]) for numbers in check.numbers.values()]
            saturated = int(layer in snapshot.saturated)
            table.writerow([layer, name, *row, saturated, collection.name, *settings.values()])
    return written.getvalue()


def _plain(number: float) -> float | int:
    return int(number) if isinstance(number, bool) else number
