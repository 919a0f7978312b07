"""The example that the page has before a model is loaded: made once, stored, said to be stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from analysis.models.manifest import Collection
from app.state.run import Asked, Asking
from app.state.snapshot import Picture, rows
from app.state.view_settings import Look
from app.views.cell_view import View
from app.widgets.labels import labels_of
from app.widgets.panels import ASSETS

if TYPE_CHECKING:
    from analysis.inference.prompt import Prompt
    from analysis.measure.cell_explanation import Cell

FILE = ASSETS / "examples" / "first.json"
METHODS = ("base", "static", "sum", "qa-flora")
"""What the stored run is answered by."""
_NEW_TOKENS = 48
LISTS = ("base_top", "adapter_top", "contributors")
"""What a cell lists of its tokens; stored as places among them."""


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
    answers: View

    def asked(self) -> Asked:
        """What the answers were made from."""
        import torch  # what the page need not wait for

        from analysis.methods import Reading, fuse

        picture = self.picture
        divergence_LK = torch.tensor(picture.divergence, dtype=torch.float64)
        reading = Reading(picture.adapters, picture.layers, lambda: divergence_LK)
        return Asked(asking(picture.look), tuple(fuse(list(METHODS), reading)))


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
    labels = labels_of(collection)
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


def asking(look: Look) -> Asking:
    """How the stored run is answered."""
    from analysis.inference.decoding import Sampling

    return Asking(METHODS, _NEW_TOKENS, Sampling(), look.lens)


def _cell(kept: dict[str, Any]) -> Cell:
    names = kept.pop("fields")
    tokens = [_like(dict(zip(names, token, strict=True))) for token in kept.pop("tokens")]
    return _like(kept | {name: tuple(tokens[place] for place in kept[name]) for name in LISTS})


def _like(stored: dict[str, Any]) -> Any:
    """What was stored, to be read like the thing itself, whose class would import torch."""
    return SimpleNamespace(**stored)
