"""Makes the stored example again: `python -m app.explore.make_stored_example`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from analysis.methods import DEFAULT_METHODS
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.services.query_service import QueryService
from app.services.view_service import ViewService
from app.state.examples import load_examples
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.stored_example import FILE, LISTS, answer_settings, weights_of
from app.widgets.labels import labels_of
from app.widgets.status import StatusPanel

if TYPE_CHECKING:
    from analysis.measure.cell_explanation import CellExplanation, TokenChange

# The most tokens of a cell that the page shows.
_TOP = 5


def make(collection: Collection, loader: Loader) -> dict[str, Any]:
    """Asks the first example question as a visitor would, and returns the run as plain data."""
    labels = labels_of(collection)
    session = Session()
    status = StatusPanel.empty()
    view_settings = ViewSettings.of(collection)
    query_service = QueryService(loader, RequestQueue(), labels, ViewService(loader, labels))
    example = load_examples(collection)[0]
    # The page begins with these methods and this adapter selected.
    methods = [*DEFAULT_METHODS, *([f"adapter:{example.alone}"] if example.alone else [])]
    for update in query_service.ask(
        session,
        example.query,
        list(labels),
        view_settings,
        lambda: answer_settings(view_settings, methods),
    ):
        status = update.get("status", status)
    engine, run, snapshot = loader.engine, session.run, session.snapshot
    assert engine is not None and run is not None and snapshot is not None, status
    assert session.answer_stream is not None and session.answer_record is not None, status
    prompt = asdict(run.prompt)
    del prompt["owner"]
    return {
        "collection": collection.name,
        "weights": weights_of(collection),
        "computed_in": asdict(run.computation),
        "snapshot": asdict(snapshot),
        "prompt": prompt | {"last": run.prompt.last},
        "cells": [
            [
                _stored(cell)
                for cell in engine.cells(
                    run.trace, layer, view_settings.lens, view_settings.cell_position
                )
            ]
            for layer in range(snapshot.layers)
        ],
        "answers": [
            {
                "name": card.name,
                "tokens": card.tokens,
                "end": card.end,
                "first_difference": card.first_difference,
            }
            for card in session.answer_stream.panel().rows
        ],
        "answer_weights": [asdict(weights) for weights in session.answer_record.weights],
    }


def write(made: dict[str, Any]) -> str:
    """The text of the file: one line for each part of the example."""
    parts = (f"{json.dumps(name)}: {json.dumps(made[name], ensure_ascii=False)}" for name in made)
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _stored(cell: CellExplanation) -> dict[str, Any]:
    """A cell as it is stored: each token once, and the lists as indices into the tokens."""
    tokens: dict[int, TokenChange] = {}
    lists = {name: getattr(cell, name)[:_TOP] for name in LISTS}
    for token in (token for listed in lists.values() for token in listed):
        tokens.setdefault(token.id, token)
    places = {id_: place for place, id_ in enumerate(tokens)}
    return {
        "layer": cell.layer,
        "adapter": cell.adapter,
        "divergence": _short(cell.divergence),
        "fields": [field.name for field in fields(next(iter(tokens.values())))],
        "tokens": [
            [_short(value) for value in asdict(token).values()] for token in tokens.values()
        ],
        **{name: [places[token.id] for token in listed] for name, listed in lists.items()},
    }


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def main() -> None:
    """Makes the stored example of the bundled collection again."""
    from analysis.engine import Engine

    collection = load_collection()
    loader = Loader(lambda progress: Engine.load(collection, progress))
    loader.start()
    while loader.wait(1) is None:
        print(loader.now.what, file=sys.stderr)
    (collection.folder / FILE).write_text(write(make(collection, loader)), encoding="utf-8")


if __name__ == "__main__":
    main()
