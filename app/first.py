"""The example that is on the page before a model is loaded: made once, stored, said to be stored.

`python -m app.first` makes it anew, with the bundled collection.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.collection import Collection, load_collection
from app import views
from app.examples import load_examples
from app.look import Look
from app.panels import ASSETS
from app.picture import Picture, rows

if TYPE_CHECKING:
    from app.loader import Loader

FILE = ASSETS / "examples" / "first.json"
_METHODS = ("base", "static", "sum", "qa-flora")
_NEW_TOKENS = 48


@dataclass(frozen=True)
class First:
    """A stored run.

    Attributes:
        picture: What the grid shows.
        prompt: What the prompt panel shows.
        answers: What the answers panel shows.
    """

    picture: Picture
    prompt: views.View
    answers: views.View


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
    # No request of a visitor has number 0: the first one begins with fresh cards.
    return First(picture, stored["prompt"], stored["answers"] | {"run": 0})


def make(collection: Collection, loader: Loader) -> dict[str, Any]:
    """Asks the first example question as a visitor would, and keeps what the page shows."""
    from analysis.decoding import Sampling
    from app.answering import Asking
    from app.asking import Asker
    from app.looking import Looker
    from app.session import Session
    from app.turns import Turns

    labels = views.labels_of(collection)
    session, shown = Session(), {}
    look = Look(lens=collection.lens)
    asking = Asking(_METHODS, _NEW_TOKENS, Sampling(), look.lens)
    asker = Asker(loader, Turns(), labels, Looker(loader, labels))
    query = load_examples()[0].query
    for changes in asker.ask(session, query, list(labels), look, lambda: asking):
        shown.update(changes)
    assert session.picture is not None, shown["status"]
    return {
        "collection": collection.name,
        "picture": asdict(session.picture),
        "prompt": shown["prompt"],
        "answers": shown["answers"],
    }


def main() -> None:
    """Makes the example of the bundled collection anew."""
    from analysis.engine import Engine
    from app.loader import Loader

    collection = load_collection()
    loader = Loader(lambda progress: Engine.load(collection, progress))
    loader.start()
    while loader.wait(1) is None:
        print(loader.now.what, file=sys.stderr)
    made = json.dumps(make(collection, loader), ensure_ascii=False, indent=1)
    FILE.write_text(made + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
