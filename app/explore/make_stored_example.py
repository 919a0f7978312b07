"""Makes the stored example anew: `python -m app.explore.make_stored_example`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from analysis.models.manifest import Collection, load_collection
from app.explore.query_service import QueryService
from app.explore.view_service import ViewService
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.state.examples import load_examples
from app.state.session import Session
from app.state.stored_example import FILE, LISTS, answer_settings, weights_of
from app.state.view_settings import ViewSettings
from app.widgets.labels import labels_of

if TYPE_CHECKING:
    from analysis.measure.cell_explanation import CellExplanation, TokenChange

# As many tokens of a cell as the page shows.
_TOP = 5


def make(collection: Collection, loader: Loader) -> dict[str, Any]:
    """Asks the first example question as a visitor would, and keeps what the page shows."""
    labels = labels_of(collection)
    session, shown = Session(), {}
    view_settings = ViewSettings(lens=collection.lens)
    query_service = QueryService(loader, RequestQueue(), labels, ViewService(loader, labels))
    query = load_examples(collection)[0].query
    for changes in query_service.ask(
        session, query, list(labels), view_settings, lambda: answer_settings(view_settings)
    ):
        shown.update(changes)
    engine, run, snapshot = loader.engine, session.run, session.snapshot
    assert engine is not None and run is not None and snapshot is not None, shown["status"]
    record = session.answer_record
    assert record is not None
    prompt = asdict(run.trace.prompt)
    return {
        "collection": collection.name,
        "weights": weights_of(collection),
        "computed_in": asdict(run.computation),
        "snapshot": asdict(snapshot),
        "prompt": prompt | {"last": run.trace.prompt.last},
        "cells": [
            [
                _kept(engine.cell(run.trace, layer, name, view_settings.lens))
                for name in snapshot.adapters
            ]
            for layer in range(snapshot.layers)
        ],
        "answers": shown["answers"],
        "answer_weights": [asdict(weights) for weights in record.weights],
    }


def write(made: dict[str, Any]) -> str:
    """What `make` gave as a file's text: one line for each part."""
    parts = (f"{json.dumps(name)}: {json.dumps(made[name], ensure_ascii=False)}" for name in made)
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _kept(cell: CellExplanation) -> dict[str, Any]:
    """A cell as it is stored: each token once, and the lists as places among them."""
    tokens: dict[int, TokenChange] = {}
    lists = {name: getattr(cell, name)[:_TOP] for name in LISTS}
    for one in (one for listed in lists.values() for one in listed):
        tokens.setdefault(one.id, one)
    places = {id_: place for place, id_ in enumerate(tokens)}
    return {
        "layer": cell.layer,
        "adapter": cell.adapter,
        "divergence": _short(cell.divergence),
        "fields": [field.name for field in fields(next(iter(tokens.values())))],
        "tokens": [[_short(value) for value in asdict(one).values()] for one in tokens.values()],
        **{name: [places[one.id] for one in listed] for name, listed in lists.items()},
    }


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def main() -> None:
    """Makes the example of the bundled collection anew."""
    from analysis.engine import Engine

    collection = load_collection()
    loader = Loader(lambda progress: Engine.load(collection, progress))
    loader.start()
    while loader.wait(1) is None:
        print(loader.now.what, file=sys.stderr)
    (collection.folder / FILE).write_text(write(make(collection, loader)), encoding="utf-8")


if __name__ == "__main__":
    main()
