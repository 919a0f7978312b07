"""The choice of items: two methods, and filters by task, language and outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.results.lookup import compared, headline, method_order
from app.results.names import Names

if TYPE_CHECKING:
    from analysis.benchmark.results import BenchmarkResult, ItemResult, TaskResult
    from analysis.benchmark.tasks import Item

ALL = ""
"""The choice of every task, or of every language."""

OUTCOMES: Mapping[str, str] = {
    "differ": "The two methods disagree",
    "first": "Only the first is right",
    "second": "Only the second is right",
    "right": "Both are right",
    "wrong": "Both are wrong",
    "all": "All items",
}
"""The outcomes to choose from, in words; the first is the default."""


ORDERS: Mapping[str, str] = {
    "file": "As in the files",
    "loss": "Largest difference in loss",
}
"""The orders to choose from, in words; the first is the default."""


@dataclass(frozen=True)
class ItemChoice:
    """Which items are listed.

    Attributes:
        first: Name of the first method.
        second: Name of the second method.
        task: Name of a task, or `ALL`.
        language: Code of a language, or `ALL`.
        outcome: One of `OUTCOMES`.
        order: One of `ORDERS`.
    """

    first: str
    second: str
    task: str = ALL
    language: str = ALL
    outcome: str = "differ"
    order: str = "file"

    @classmethod
    def of(cls, run: BenchmarkResult, given: Mapping[str, str | None]) -> ItemChoice:
        """The choice of a visitor; a value that the result lacks becomes the default."""
        methods = method_order(run)
        second = _known(given.get("second"), methods, headline(run))
        first = _known(given.get("first"), methods, _reference(run, second))
        return cls(
            first,
            second,
            _known(given.get("task"), [task.task for task in run.tasks], ALL),
            _known(given.get("language"), languages(run), ALL),
            _known(given.get("outcome"), list(OUTCOMES), "differ"),
            _known(given.get("order"), list(ORDERS), "file"),
        )

    def listed(self, run: BenchmarkResult) -> Iterator[Compared]:
        """The items of this choice with the answers of both methods, in the chosen order."""
        if self.order == "loss":
            # Items without a loss, such as those with a number, stay in the files' order, last.
            yield from sorted(self._fitting(run), key=lambda one: -one.loss_difference)
        else:
            yield from self._fitting(run)

    def _fitting(self, run: BenchmarkResult) -> Iterator[Compared]:
        answers = {
            (answer.task, answer.method, answer.item): answer
            for answer in run.answers
            if answer.method in (self.first, self.second)
        }
        for task in run.tasks:
            if self.task not in (ALL, task.task):
                continue
            for item in task.items:
                pair = [
                    answers.get((task.task, method, item.id))
                    for method in (self.first, self.second)
                ]
                if self.language in (ALL, item.lang) and pair[0] and pair[1]:
                    compared_item = Compared(task, item, pair[0], pair[1])
                    if self.outcome in compared_item.outcomes:
                        yield compared_item


@dataclass(frozen=True)
class Compared:
    """An item with the answers of two methods.

    Attributes:
        task: Its task.
        item: The item.
        first: The answer of the first method.
        second: The answer of the second method.
    """

    task: TaskResult
    item: Item
    first: ItemResult
    second: ItemResult

    @property
    def outcomes(self) -> set[str]:
        """The outcomes of `OUTCOMES` that the two answers have."""
        first, second = is_right(self.first), is_right(self.second)
        if first == second:
            return {"all", "right" if first else "wrong"}
        return {"all", "differ", "first" if first else "second"}

    @property
    def loss_difference(self) -> float:
        """How far apart the losses of the right answer are, in nats; -1 where there are none."""
        if self.first.loss is None or self.second.loss is None:
            return -1.0
        return abs(self.first.loss - self.second.loss)


def is_right(answer: ItemResult) -> bool:
    """Whether an answer counts: right and, where the language is known, in the language."""
    return bool(answer.right if answer.both is None else answer.both)


def languages(run: BenchmarkResult) -> tuple[str, ...]:
    """Codes of the items' languages."""
    return tuple(dict.fromkeys(item.lang for task in run.tasks for item in task.items))


def task_choices(run: BenchmarkResult, names: Names) -> list[tuple[str, str]]:
    """Labels and names of the tasks."""
    return [("All tasks", ALL), *((names.task(task), task.task) for task in run.tasks)]


def language_choices(run: BenchmarkResult, names: Names) -> list[tuple[str, str]]:
    """Labels and codes of the languages."""
    return [("All languages", ALL), *((names.tag(code), code) for code in languages(run))]


def method_choices(run: BenchmarkResult, names: Names) -> list[tuple[str, str]]:
    """Labels and names of the methods."""
    return [(names.method(name), name) for name in method_order(run)]


def _known(given: str | None, known: tuple[str, ...] | list[str], default: str) -> str:
    return given if given is not None and given in known else default


def _reference(run: BenchmarkResult, second: str) -> str:
    """The method to compare with: the reference of the comparisons, or another than the second."""
    found = next(
        (one for task in run.tasks if (one := compared(task.comparisons, loss=False))), None
    )
    if found is not None and found.reference != second:
        return found.reference
    return next((name for name in method_order(run) if name != second), second)
