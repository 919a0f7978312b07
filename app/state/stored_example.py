"""The example that the page has before a model is loaded: made once, stored, said to be stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from analysis.models.manifest import Collection
from analysis.models.provenance import Computation, provenance
from app.state.numbers import rows
from app.state.run import AnswerRecord, AnswerSettings, AnswerWeights
from app.state.snapshot import Snapshot
from app.state.view_settings import ViewSettings
from app.views.cell_view import View
from app.widgets.labels import labels_of

if TYPE_CHECKING:
    from analysis.inference.prompt import Prompt
    from analysis.measure.cell_explanation import CellExplanation

FILE = "stored_example.json"
"""The stored run's file, beside the manifest of its collection."""
METHODS = ("base", "static", "sum", "qa-flora")
"""What the stored run is answered by."""
_NEW_TOKENS = 48
LISTS = ("base_top", "adapter_top", "contributors")
"""What a cell lists of its tokens; stored as places among them."""


@dataclass(frozen=True)
class StoredExample:
    """A stored run.

    Attributes:
        snapshot: What the grid shows.
        prompt: What the model read.
        cells: What is behind each divergence, `[layers][adapters]`.
        answers: What the answers panel shows.
        answer_weights: The weights behind each answer.
        computation: Precision and device of the model.
    """

    snapshot: Snapshot
    prompt: Prompt
    cells: tuple[tuple[CellExplanation, ...], ...]
    answers: View
    answer_weights: tuple[AnswerWeights, ...]
    computation: Computation

    def answer_record(self) -> AnswerRecord:
        """The settings and weights behind the answers."""
        return AnswerRecord(answer_settings(self.snapshot.view_settings), self.answer_weights)


def weights_of(collection: Collection) -> dict[str, list[str]]:
    """Digests of the weights that a stored run belongs to: of the base, and of each adapter."""
    try:
        made_with = provenance(collection)
    except OSError:
        return {}  # a file is missing, of which the loading of the model will tell
    return {
        "base": [file.sha256 for file in made_with.base_files] or [made_with.base],
        "adapters": [file.sha256 for file in made_with.adapters],
    }


def load(collection: Collection, path: Path | None = None) -> StoredExample | None:
    """The stored run of a collection; None where there is none for these adapters."""
    path = path or collection.folder / FILE
    if not path.is_file():
        return None
    stored = json.loads(path.read_text(encoding="utf-8"))
    names = [adapter.name for adapter in collection.adapters]
    if stored["weights"] != weights_of(collection) or stored["snapshot"]["adapters"] != names:
        return None
    given = stored["snapshot"]
    labels = labels_of(collection)
    snapshot = Snapshot(
        number="stored",
        query=given["query"],
        adapters=tuple(names),
        labels=tuple(labels[name] for name in names),
        divergence=rows(given["divergence"]),
        weights=rows(given["weights"]),
        peaks=tuple(given["peaks"]),
        view_settings=ViewSettings(**given["view_settings"]),
    )
    cells = tuple(tuple(_cell(cell) for cell in layer) for layer in stored["cells"])
    # No request of a visitor has number 0: the first one begins with fresh cards.
    answers = stored["answers"] | {"run": 0}
    return StoredExample(
        snapshot,
        _like(stored["prompt"]),
        cells,
        answers,
        tuple(_answer_weights(one) for one in stored["answer_weights"]),
        Computation(**stored["computed_in"]),
    )


def answer_settings(view_settings: ViewSettings) -> AnswerSettings:
    """How the stored run is answered."""
    from analysis.inference.decoding.sampling import Sampling

    return AnswerSettings(METHODS, _NEW_TOKENS, Sampling(), view_settings.lens)


def _answer_weights(kept: dict[str, Any]) -> AnswerWeights:
    deviation = kept["deviation"] and rows(kept["deviation"])
    return AnswerWeights(kept["name"], tuple(kept["adapters"]), rows(kept["mean"]), deviation)


def _cell(kept: dict[str, Any]) -> CellExplanation:
    names = kept.pop("fields")
    tokens = [_like(dict(zip(names, token, strict=True))) for token in kept.pop("tokens")]
    lists = {name: tuple(tokens[place] for place in kept[name]) for name in LISTS}
    cell: CellExplanation = _like(kept | lists)
    return cell


def _like(stored: dict[str, Any]) -> Any:
    """What was stored, to be read like the thing itself, whose class would import torch."""
    return SimpleNamespace(**stored)
