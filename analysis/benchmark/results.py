"""The results of a benchmark, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.benchmark.comparison import Comparison
from analysis.benchmark.entries import EntryKind
from analysis.benchmark.settings import Settings
from analysis.benchmark.statistics import Interval, Share
from analysis.benchmark.tasks import Item
from analysis.common.schema import as_json

SCHEMA, VERSION = "fusion-lens/benchmark", 1


@dataclass(frozen=True)
class ItemResult:
    """The answer of one method to one item, with its scores.

    Attributes:
        task: Name of the task.
        method: Name of the method.
        item: Id of the item.
        text: The generated answer.
        end: Why the answer ended: `stop`, `length`, …; empty for a copy.
        extracted: The part that is scored: a number, an option, or how a function's tests ended;
            None where the answer holds none.
        right: Whether the extracted part is right; None where the method does not apply.
        in_language: Whether the answer is in the item's language; None where that is unknown, and
            for functions.
        both: Right and in the language; for functions right alone. None where it is unknown.
        option_losses: Mean loss per token of each option, in nats.
        loss: Mean loss per token of the gold answer with its end token, in nats; None without one,
            as for numbers.
        seconds: The item's share of the time of its batch.
    """

    task: str
    method: str
    item: str
    text: str
    end: str
    extracted: str | None
    right: bool | None
    in_language: bool | None
    both: bool | None
    option_losses: tuple[float, ...] = ()
    loss: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class MethodScore:
    """The scores of one method on one task.

    Attributes:
        method: Name of the method.
        kind: `method`, `oracle` or `copy`.
        items: Number of items.
        right: Share of right answers.
        in_language: Share of answers in the language; None where it is not judged.
        both: Share of answers with both; None where it is unknown.
        loss: Mean over items of the gold answer's loss per token, in nats, with its interval by
            bootstrap over clusters; None where no item has a gold answer, and for a copy.
        seconds: Time of its batches, summed over processes.
    """

    method: str
    kind: EntryKind
    items: int
    right: Share
    in_language: Share | None
    both: Share | None
    loss: Interval | None
    seconds: float


@dataclass(frozen=True)
class TaskResult:
    """The results on one task.

    Attributes:
        task: Name of the task.
        items: The items that were asked.
        scores: The scores of each method.
        comparisons: By `both` (by `right` where the language is unknown), and by `loss`.
    """

    task: str
    items: tuple[Item, ...]
    scores: tuple[MethodScore, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class BenchmarkResult:
    """The result of a benchmark.

    Attributes:
        settings: The request, and the digests and versions of the parts.
        settings_digest: SHA-256 of the settings.
        tasks: The results on each task.
        average: Comparisons over all tasks that have the measure, each task with the same weight,
            of the methods that all tasks have; empty for one task.
        answers: The answer of each method to each item.
    """

    settings: Settings
    settings_digest: str
    tasks: tuple[TaskResult, ...]
    average: tuple[Comparison, ...]
    answers: tuple[ItemResult, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return as_json(self, SCHEMA, VERSION)
