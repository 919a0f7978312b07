"""The results of a benchmark, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from analysis.benchmark.comparisons.comparison import Comparison
from analysis.benchmark.entries import EntryKind
from analysis.benchmark.fusion.profiles import LayerProfile
from analysis.benchmark.fusion.routing import Routing
from analysis.benchmark.settings import Settings
from analysis.benchmark.statistics import Interval, Share
from analysis.benchmark.tasks import Item
from analysis.common.schema import as_json
from analysis.inference.decoding.steps import End

SCHEMA, VERSION = "fusion-lens/benchmark", 1
RESULT = "result.json"
"""Name of the file that holds the result in a benchmark's folder."""


@dataclass(frozen=True)
class ItemResult:
    """The answer of one method to one item, with its scores.

    Attributes:
        task: Name of the task.
        method: Name of the method.
        item: Id of the item.
        text: The generated answer.
        end: Why the answer ended: `end token`, `stop string` or `length`; empty for a copy.
        extracted: The part that is scored: a number, an option, or how a function's tests ended;
            None where the answer holds none.
        right: Whether the extracted part is right; None where the method does not apply.
        in_language: Whether the answer is in the item's language; None where that is unknown, and
            for functions.
        both: Right and in the language; for functions right alone. None where it is unknown.
        option_losses: Mean loss per token of each option, in nats.
        loss: Mean loss per token of the gold answer with its end token, in nats; None without one,
            as for numbers.
        seconds: The item's share of the time of its weights and, by tokens, of the decoding that
            the entries of a step have in common.
    """

    task: str
    method: str
    item: str
    text: str
    end: End | Literal[""]
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
        seconds: Sum of the answers' seconds.
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
        comparisons: With `static` (with the first method where it is missing), then with each
            oracle; by `both` (by `right` where the language is unknown), and by `loss`.
        profiles: The weights of each method that fuses, layer by layer.
        routing: How often divergences lead to an item's adapters; empty where fewer than three
            adapters are fused, no method reads divergences or no item has a pair.
    """

    task: str
    items: tuple[Item, ...]
    scores: tuple[MethodScore, ...]
    comparisons: tuple[Comparison, ...]
    profiles: tuple[LayerProfile, ...]
    routing: tuple[Routing, ...]


@dataclass(frozen=True)
class GroupResult:
    """The results over several tasks.

    Attributes:
        group: Name of the group, such as `es: math, code`.
        tasks: Names of its tasks.
        comparisons: As of a task, of the methods that all tasks have, each task with the same
            weight; by `loss` where two tasks or more have gold answers.
    """

    group: str
    tasks: tuple[str, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class BenchmarkResult:
    """The result of a benchmark.

    Attributes:
        settings: The request, and the digests and versions of the parts.
        settings_digest: SHA-256 of the settings.
        tasks: The results on each task.
        groups: The results over the tasks of each language, of each domain, and all.
        answers: The answer of each method to each item.
    """

    settings: Settings
    settings_digest: str
    tasks: tuple[TaskResult, ...]
    groups: tuple[GroupResult, ...]
    answers: tuple[ItemResult, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return as_json(self, SCHEMA, VERSION)
