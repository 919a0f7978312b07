"""The example that is on the page before a model is loaded: made once, stored, said to be stored.

`python -m app.first` makes it anew, with the bundled collection.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from analysis.collection import Collection, load_collection
from app import views
from app.examples import load_examples
from app.look import Look
from app.panels import ASSETS
from app.picture import Picture, rows

if TYPE_CHECKING:
    from analysis.cell import Cell, TokenChange
    from analysis.prompt import Prompt
    from app.answering import Asked, Asking
    from app.loader import Loader

FILE = ASSETS / "examples" / "first.json"
_METHODS = ("base", "static", "sum", "qa-flora")
_NEW_TOKENS = 48
# As many tokens of a cell as the page shows.
_TOP = 5
_LISTS = ("base_top", "adapter_top", "contributors")


@dataclass(frozen=True)
class First:
    """A stored run.

    Attributes:
        picture: What the grid shows.
        prompt: What the model read.
        cells: What is behind each divergence, `[layers][adapters]`.
        answers: What the answers panel shows.
    """

    picture: Picture
    prompt: Prompt
    cells: tuple[tuple[Cell, ...], ...]
    answers: views.View

    def asked(self) -> Asked:
        """What the answers were made from."""
        import torch  # what the page need not wait for

        from analysis.methods import Reading, fuse
        from app.answering import Asked

        picture = self.picture
        divergence_LK = torch.tensor(picture.divergence, dtype=torch.float64)
        reading = Reading(picture.adapters, picture.layers, lambda: divergence_LK)
        return Asked(_asking(picture.look), tuple(fuse(list(_METHODS), reading)))


def load(collection: Collection, path: Path | None = None) -> First | None:
    """The stored run of a collection; None where there is none for these adapters."""
    path = path or FILE
    if not path.is_file():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    names = [adapter.name for adapter in collection.adapters]
    if stored["collection"] != collection.name or stored["picture"]["adapters"] != names:
        return None
    given = stored["picture"]
    labels = views.labels_of(collection)
    picture = Picture(
        number="stored",
        query=given["query"],
        adapters=tuple(names),
        labels=tuple(labels[name] for name in names),
        divergence=rows(given["divergence"]),
        weights=rows(given["weights"]),
        peaks=tuple(given["peaks"]),
        look=Look(**given["look"]),
    )
    cells = tuple(tuple(_cell(cell) for cell in layer) for layer in stored["cells"])
    # No request of a visitor has number 0: the first one begins with fresh cards.
    answers = stored["answers"] | {"run": 0}
    return First(picture, _like(stored["prompt"]), cells, answers)


def make(collection: Collection, loader: Loader) -> dict[str, Any]:
    """Asks the first example question as a visitor would, and keeps what the page shows."""
    from app.asking import Asker
    from app.looking import Looker
    from app.session import Session
    from app.turns import Turns

    labels = views.labels_of(collection)
    session, shown = Session(), {}
    look = Look(lens=collection.lens)
    asker = Asker(loader, Turns(), labels, Looker(loader, labels))
    query = load_examples()[0].query
    for changes in asker.ask(session, query, list(labels), look, lambda: _asking(look)):
        shown.update(changes)
    engine, run, picture = loader.engine, session.run, session.picture
    assert engine is not None and run is not None and picture is not None, shown["status"]
    prompt = asdict(run.trace.prompt)
    return {
        "collection": collection.name,
        "picture": asdict(picture),
        "prompt": prompt | {"last": run.trace.prompt.last},
        "cells": [
            [_kept(engine.cell(run.trace, layer, name, look.lens)) for name in picture.adapters]
            for layer in range(picture.layers)
        ],
        "answers": shown["answers"],
    }


def write(made: dict[str, Any]) -> str:
    """What `make` gave as a file's text: one line for each part."""
    parts = (f"{json.dumps(name)}: {json.dumps(made[name], ensure_ascii=False)}" for name in made)
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _asking(look: Look) -> Asking:
    from analysis.decoding import Sampling
    from app.answering import Asking

    return Asking(_METHODS, _NEW_TOKENS, Sampling(), look.lens)


def _kept(cell: Cell) -> dict[str, Any]:
    """A cell as it is stored: each token once, and the lists as places among them."""
    tokens: dict[int, TokenChange] = {}
    lists = {name: getattr(cell, name)[:_TOP] for name in _LISTS}
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


def _cell(kept: dict[str, Any]) -> Cell:
    names = kept.pop("fields")
    tokens = [_like(dict(zip(names, token, strict=True))) for token in kept.pop("tokens")]
    return _like(kept | {name: tuple(tokens[place] for place in kept[name]) for name in _LISTS})


def _like(stored: dict[str, Any]) -> Any:
    """What was stored, to be read like the thing itself, whose class would import torch."""
    return SimpleNamespace(**stored)


def main() -> None:
    """Makes the example of the bundled collection anew."""
    from analysis.engine import Engine
    from app.loader import Loader

    collection = load_collection()
    loader = Loader(lambda progress: Engine.load(collection, progress))
    loader.start()
    while loader.wait(1) is None:
        print(loader.now.what, file=sys.stderr)
    FILE.write_text(write(make(collection, loader)), encoding="utf-8")


if __name__ == "__main__":
    main()
