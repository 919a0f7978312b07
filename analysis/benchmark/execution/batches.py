"""Batches of items and their steps, the same in every run of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from analysis.benchmark.entries import Entry
from analysis.benchmark.execution.journal import Key
from analysis.benchmark.settings import NEW_TOKENS
from analysis.benchmark.tasks import Item, ItemType, Task


@dataclass(frozen=True)
class Batch:
    """Some items of one task, to be answered by its entries.

    Attributes:
        task: Name of the task.
        items: The items, all of one type.
        steps: The entries, in the steps whose rows are decoded together.
    """

    task: str
    items: tuple[Item, ...]
    steps: tuple[tuple[Entry, ...], ...]

    @property
    def new_tokens(self) -> int:
        """The longest an answer may get."""
        return NEW_TOKENS[self.items[0].type]

    def tokens(self, entries: Sequence[Entry]) -> int:
        """The most tokens that some entries' answers have: the measure of their work."""
        return len(entries) * len(self.items) * self.new_tokens


def batches_of(
    task: Task,
    entries: tuple[Entry, ...],
    rows: int,
    length: Callable[[Item], int],
    together: int,
) -> list[Batch]:
    """The batches of a task: items of one type and of similar length.

    The last digits of a number may depend on the rows beside it. So batches and steps follow from
    task and entries alone, and neither an interruption nor the number of processes changes them.

    Args:
        task: The task.
        entries: Its entries.
        rows: The most items of a batch.
        length: Length of an item's prompt.
        together: The most entries of a step.
    """
    steps = tuple(entries[first : first + together] for first in range(0, len(entries), together))
    by_type: dict[ItemType, list[Item]] = {}
    for item in sorted(task.items, key=length):
        by_type.setdefault(item.type, []).append(item)
    return [
        Batch(task.name, tuple(items[start : start + rows]), steps)
        for items in by_type.values()
        for start in range(0, len(items), rows)
    ]


def remaining(batches: Sequence[Batch], done: Container[Key], taken: Container[Key]) -> list[Batch]:
    """The work that is left, the largest batches first.

    Args:
        batches: All batches, in the same order in each process.
        done: Task, method and item of all results that are there.
        taken: Those of them that come from an earlier benchmark. An entry of which all are taken is
            in no step. A step of which another result is missing is run whole, and of an entry of
            which some are taken, these count.
    """
    left = []
    for batch in batches:
        own = (
            tuple(entry for entry in step if not _all_in(taken, batch, entry))
            for step in batch.steps
        )
        steps = tuple(
            step for step in own if not all(_all_in(done, batch, entry) for entry in step)
        )
        if steps:
            left.append(replace(batch, steps=steps))
    # So that several processes end at about the same time.
    return sorted(left, key=lambda batch: -sum(batch.tokens(step) for step in batch.steps))


def _all_in(results: Container[Key], batch: Batch, entry: Entry) -> bool:
    return all((batch.task, entry.name, item.id) in results for item in batch.items)
