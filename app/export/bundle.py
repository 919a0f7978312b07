"""The export bundle: the contents of every exported file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.measure.weight_settings import WeightSettings, default_settings
from analysis.models.collection import Collection
from app.state.answers_panel import AnswersPanel
from app.state.run import AnswerRecord, AnswerSettings
from app.state.snapshot import Numbers, Snapshot

if TYPE_CHECKING:
    from analysis.inference.prompt import Prompt
    from analysis.models.provenance import Provenance


def weight_settings(collection: Collection, settings: AnswerSettings) -> WeightSettings:
    """How the methods of the answers read divergences."""
    return settings.weight_settings(default_settings(collection))


@dataclass(frozen=True)
class ExportBundle:
    """The contents of an exported file.

    Attributes:
        collection: The collection.
        source: Base, adapters and versions.
        snapshot: The numbers that the page shows.
        prompt: The prompt that the model read.
        answers: The answers to the same question, if there are any.
        answer_record: Settings and weights of these answers.
        painted: The what-if weights, if there are any.
        pinned: The pinned snapshot, if there is one.
    """

    collection: Collection
    source: Provenance
    snapshot: Snapshot
    prompt: Prompt | None = None
    answers: AnswersPanel | None = None
    answer_record: AnswerRecord | None = None
    painted: Numbers | None = None
    pinned: Snapshot | None = None
