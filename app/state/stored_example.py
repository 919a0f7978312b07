"""The stored example: a run that the page shows before the model is loaded, labelled as stored."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from analysis.common.errors import InputError
from analysis.measure.weight_settings import WeightSettings, default_settings
from analysis.models.collection import Collection
from analysis.models.own_collection import content_digest
from analysis.models.provenance import Computation, provenance
from app.state.answer import ShownAnswer, heading_of, reference_among
from app.state.answers_panel import AnswersPanel, answers_panel
from app.state.examples import Example, example_of, load_examples
from app.state.run import AnswerRecord, AnswerSettings, AnswerWeights
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot, frozen
from app.widgets.labels import labels_of

if TYPE_CHECKING:
    from analysis.inference.prompt import Prompt
    from analysis.measure.cell_explanation import CellExplanation

_log = logging.getLogger(__name__)

FILE = "stored_example.json"
"""The stored run's file, beside the manifest of its collection."""
_NEW_TOKENS = 48
LISTS = ("base_top", "adapter_top", "contributors")
"""The lists of tokens in a cell's explanation; stored as indices into its tokens."""


@dataclass(frozen=True)
class StoredExample:
    """A stored run.

    Attributes:
        snapshot: The numbers of the grid.
        prompt: The prompt that the model read.
        cells: The explanation of each divergence, `[layers][adapters]`.
        answers: The answers panel.
        answer_weights: The weights behind each answer.
        computation: Precision and device of the model.
    """

    snapshot: Snapshot
    prompt: Prompt
    cells: tuple[tuple[CellExplanation, ...], ...]
    answers: AnswersPanel
    answer_weights: tuple[AnswerWeights, ...]
    computation: Computation

    def answer_record(self) -> AnswerRecord:
        """Settings and weights of the answers."""
        methods = [weights.name for weights in self.answer_weights]
        settings = answer_settings(self.snapshot.view_settings, methods)
        return AnswerRecord(settings, self.answer_weights)


def weights_of(collection: Collection) -> dict[str, list[str]]:
    """Digests that a stored run belongs to: of the base, and of each adapter with its settings."""
    try:
        source = provenance(collection)
        adapters = [content_digest(entry) for entry in collection.adapters]
    except (InputError, OSError):
        return {}  # a file is missing or cannot be used: the loader reports it
    return {
        "base": [file.sha256 for file in source.base_files] or [source.base, source.revision or ""],
        "adapters": adapters,
    }


def load(collection: Collection, path: Path | None = None) -> StoredExample | None:
    """The stored run of a collection; None where the collection has none.

    A damaged file is named in the log: the page starts without it.
    """
    path = path or collection.folder / FILE
    if not path.is_file():
        return None
    try:
        return _read(json.loads(path.read_text(encoding="utf-8")), collection)
    except InputError:
        raise  # of the collection's other files
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        _log.warning(
            "%s is damaged (%s: %s): the page starts without its stored run. Make it anew with "
            "python -m app.explore.make_stored_example.", path, type(error).__name__, error,
        )  # fmt: skip
        return None


def _read(stored: dict[str, Any], collection: Collection) -> StoredExample | None:
    """A stored run; None where it is of other weights than the collection's."""
    names = [adapter.name for adapter in collection.adapters]
    if stored.get("weights") != weights_of(collection) or stored["snapshot"]["adapters"] != names:
        return None
    given = stored["snapshot"]
    labels = labels_of(collection)
    snapshot = Snapshot(
        number="stored",
        query=given["query"],
        adapters=tuple(names),
        labels=tuple(labels[name] for name in names),
        divergence=frozen(given["divergence"]),
        weights=frozen(given["weights"]),
        peaks=tuple(given["peaks"]),
        view_settings=ViewSettings(**given["view_settings"]),
    )
    cells = tuple(tuple(_cell(cell) for cell in layer) for layer in stored["cells"])
    example = example_of(load_examples(collection), given["query"])
    reading = replace(default_settings(collection), lens=snapshot.view_settings.lens)
    answers = _answers(stored["answers"], labels, example, reading)
    return StoredExample(
        snapshot,
        _with_attributes(stored["prompt"]),
        cells,
        answers,
        tuple(_answer_weights(one) for one in stored["answer_weights"]),
        Computation(**stored["computed_in"]),
    )


def answer_settings(view_settings: ViewSettings, methods: Sequence[str]) -> AnswerSettings:
    """The answer settings of the stored run.

    Args:
        view_settings: The view settings of the run.
        methods: Names of its methods.
    """
    from analysis.inference.decoding.sampling import Sampling

    return AnswerSettings(tuple(methods), _NEW_TOKENS, Sampling(), view_settings.lens)


def _answer_weights(kept: dict[str, Any]) -> AnswerWeights:
    deviation = kept["deviation"] and frozen(kept["deviation"])
    return AnswerWeights(kept["name"], tuple(kept["adapters"]), frozen(kept["mean"]), deviation)


def _answers(
    stored: list[dict[str, Any]],
    labels: Mapping[str, str],
    example: Example | None,
    reading: WeightSettings,
) -> AnswersPanel:
    answers = [
        ShownAnswer(
            heading_of(one["name"], labels, reading),
            [(delta, probability, token) for delta, probability, token in one["tokens"]],
            one["end"],
            one["first_difference"],
        )
        for one in stored
    ]
    if example is not None:
        for answer in answers:
            answer.verdict = example.verdict(answer.text)
    # A visitor's requests start at number 1, so the panel starts that request from empty cards.
    reference = reference_among([answer.heading.name for answer in answers])
    return answers_panel(0, "done", answers, reference)


def _cell(kept: dict[str, Any]) -> CellExplanation:
    names = kept.pop("fields")
    tokens = [
        _with_attributes(dict(zip(names, token, strict=True))) for token in kept.pop("tokens")
    ]
    lists = {name: tuple(tokens[place] for place in kept[name]) for name in LISTS}
    cell: CellExplanation = _with_attributes(kept | lists)
    return cell


def _with_attributes(stored: dict[str, Any]) -> Any:
    """A stand-in with the stored values as attributes; the real class would import torch."""
    return SimpleNamespace(**stored)
