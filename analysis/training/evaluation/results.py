"""The results of an evaluation of adapters, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.benchmark.statistics import Share
from analysis.common.schema import as_json

SCHEMA, VERSION = "fusion-lens/adapter-evaluation", 1


@dataclass(frozen=True)
class SetLosses:
    """The losses on one dev set.

    Attributes:
        name: Name of the set.
        own: The adapter whose own set it is.
        rows: Number of its rows.
        losses: Loss per answer token in nats, by subject: the base and each adapter.
        lower_by: By how much of the base's loss the own adapter's is lower, 0 to 1.
        best: The adapter with the lowest loss.
    """

    name: str
    own: str
    rows: int
    losses: dict[str, float]
    lower_by: float
    best: str


@dataclass(frozen=True)
class AdapterScore:
    """The score that an adapter is for.

    Attributes:
        adapter: The adapter.
        counted: The answers that count as right, in words.
        shares: Share of right answers, by subject.
    """

    adapter: str
    counted: str
    shares: dict[str, Share]


@dataclass(frozen=True)
class CurvePoint:
    """An adapter's own score and loss at one weight.

    Attributes:
        weight: The adapter's weight in all layers.
        score: Share of right answers.
        loss: Loss per answer token on the adapter's own sets; None where it has none.
    """

    weight: float
    score: Share
    loss: float | None


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a collection's adapters.

    Attributes:
        collection: Name of the collection.
        base: The base model.
        dtype: Precision of base and adapters.
        rows: The most rows of each dev set.
        delta_norms: `‖ΔW‖` by adapter.
        sets: Losses on each dev set.
        scores: Scores, one of each adapter that has one.
        curves: By adapter, its score and loss at several weights.
        seconds: How long the evaluation took.
    """

    collection: str
    base: str
    dtype: str
    rows: int
    delta_norms: dict[str, float]
    sets: tuple[SetLosses, ...]
    scores: tuple[AdapterScore, ...]
    curves: dict[str, tuple[CurvePoint, ...]]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The evaluation as plain data."""
        return as_json(self, SCHEMA, VERSION)
