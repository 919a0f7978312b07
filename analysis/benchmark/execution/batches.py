"""Batches: items of one task that are run together, the same in every run of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from analysis.benchmark.entries import Entry
from analysis.benchmark.settings import NEW_TOKENS
from analysis.benchmark.tasks import Item, ItemType, Task


@dataclass(frozen=True)
class Batch:
    """Some items of one task, to be answered by each of its entries.

    Attributes:
        task: Name of the task.
        items: The items, all of one type.
        entries: The entries; each is one step, whose rows run together.
    """

    task: str
    items: tuple[Item, ...]
    entries: tuple[Entry, ...]

    @property
    def new_tokens(self) -> int:
        """The longest an answer may get."""
        return NEW_TOKENS[self.items[0].type]


def batches_of(
    task: Task, entries: tuple[Entry, ...], rows: int, length: Callable[[Item], int]
) -> list[Batch]:
    """The batches of a task: items of one type and of similar length.

    The last digits of a number may depend on the rows beside it. So the batches follow from the
    task alone, and neither an interruption nor the number of processes changes them.

    Args:
        task: The task.
        entries: Its entries.
        rows: The most items of a batch.
        length: Length of an item's prompt.
    """
    by_type: dict[ItemType, list[Item]] = {}
    for item in sorted(task.items, key=length):
        by_type.setdefault(item.type, []).append(item)
    return [
        Batch(task.name, tuple(items[start : start + rows]), entries)
        for items in by_type.values()
        for start in range(0, len(items), rows)
    ]


def remaining(
    batches: Sequence[Batch], done: Container[tuple[str, str, str]], rank: int, processes: int
) -> list[Batch]:
    """One process's share of the work that is left.

    A batch stays whole in one process, which so computes a trace once for all entries. An entry is
    left where the result of any of its items is missing.

    Args:
        batches: All batches, in the same order in each process.
        done: Task, method and item of all results that are there.
        rank: Index of the process.
        processes: Number of processes.
    """
    left = []
    for batch in batches:
        entries = tuple(
            entry
            for entry in batch.entries
            if not all((batch.task, entry.name, item.id) in done for item in batch.items)
        )
        if entries:
            left.append(Batch(batch.task, batch.items, entries))
    return left[rank::processes]
