"""A student's run: the numbers and answers that questions of a lesson are scored against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.state.answers_panel import AnswerCard
from app.state.snapshot import Numbers, Snapshot

if TYPE_CHECKING:
    from analysis.measure.cell_explanation import CellExplanation
    from app.state.run import Check


@dataclass(frozen=True)
class LessonRun:
    """A student's own run.

    Attributes:
        snapshot: The numbers of the grid.
        answers: The answers, in the order of the lesson's methods.
        cell: From a layer and an adapter's index to the tokens behind its divergence.
        copies: One adapter beside its zero, duplicate and doubled copies, in this order of
            columns; None where the lesson makes none.
    """

    snapshot: Snapshot
    answers: tuple[AnswerCard, ...]
    cell: Callable[[int, int], CellExplanation]
    copies: Check | None = None

    @property
    def clear(self) -> list[int]:
        """The layers where shares mean something: the lens does not saturate; all if none is."""
        layers = range(self.snapshot.layers)
        return [layer for layer in layers if layer not in self.snapshot.saturated] or list(layers)

    def means(self, numbers: Numbers) -> list[float]:
        """The mean of each column over the clear layers, from numbers of all layers."""
        rows = [numbers[layer] for layer in self.clear]
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]

    @property
    def leaders(self) -> list[int]:
        """The adapter with the largest weight in each clear layer."""
        rows = [self.snapshot.weights[layer] for layer in self.clear]
        return [max(range(len(row)), key=row.__getitem__) for row in rows]
