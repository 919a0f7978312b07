"""Answers that an earlier benchmark gave and that would be the same again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from analysis.benchmark.entries import Entry, Selection, entries_of, fused_adapters
from analysis.benchmark.execution.journal import Journal, Key
from analysis.benchmark.fusion.records import ItemFusion
from analysis.benchmark.results import ItemResult
from analysis.benchmark.settings import Settings
from analysis.benchmark.tasks import Item, Task
from analysis.common.errors import InputError
from analysis.models.collection import Collection

_FREE = ("methods", "selection", "seed", "resamples", "step_entries")
"""The settings that may differ: they change a row with the same weights in last digits at most."""

T = TypeVar("T", ItemResult, ItemFusion)
_Row = tuple[str, tuple[str, ...], str]


def reuse(
    journal: Journal,
    settings: Settings,
    folder: Path,
    tasks: Sequence[Task],
    entries: Mapping[str, tuple[Entry, ...]],
    collection: Collection,
) -> int:
    """Notes the results of an earlier benchmark that this one would compute again.

    The rows of the base, of an adapter alone, and of the same method over the same adapters do not
    depend on what else is compared, so the results are those that this one would get, but for the
    last digits of their losses.

    Args:
        journal: The benchmark's own.
        settings: Its settings.
        folder: The earlier benchmark's folder; it may be unfinished.
        tasks: The tasks of both.
        entries: The entries of each task.
        collection: The collection of both.

    Returns:
        The number of results noted.

    Raises:
        InputError: The folder holds no benchmark, or one of other items or settings.
    """
    earlier = Journal(folder)
    found = earlier.settings()
    if found is None:
        raise InputError(f"{folder} holds no benchmark: give --reuse the --out of one.")
    own = settings.plain()
    differing = [name for name in own if name not in _FREE and found.get(name) != own[name]]
    if differing:
        raise InputError(
            f"{folder} holds a benchmark with other settings ({', '.join(differing)}): "
            "--reuse takes answers to the same items by the same base and adapters."
        )
    chosen = Selection(found["selection"]["mode"], tuple(found["selection"]["adapters"]))
    there, results, fusions = journal.read(), earlier.read(), earlier.fusions()
    kept: list[ItemResult] = []
    kept_fusions: list[ItemFusion] = []
    for task in tasks:
        known = dict(_known(task, found["methods"], chosen, collection))
        for entry in entries[task.name]:
            pairs = [
                (key, (task.name, known[weights], item.id))
                for item in task.items
                if (weights := _weights(entry, item, settings.selection, collection)) in known
                and (key := (task.name, entry.name, item.id)) not in there
            ]
            kept += _renamed(pairs, results)
            kept_fusions += _renamed(pairs, fusions)
    journal.take(kept, kept_fusions)
    return len(kept)


def _known(
    task: Task, methods: Sequence[str], chosen: Selection, collection: Collection
) -> Iterator[tuple[_Row, str]]:
    """The rows of an earlier benchmark, each with the name of its entry."""
    for entry in entries_of(task, methods, chosen, collection):
        for item in task.items if entry.method else ():
            yield _weights(entry, item, chosen, collection), entry.name


def _weights(entry: Entry, item: Item, chosen: Selection, collection: Collection) -> _Row:
    """What an item's row depends on: its method, and the adapters that the method may weigh."""
    alone = entry.method == "base" or entry.method.startswith("adapter:")
    adapters = () if alone else fused_adapters(entry, item, chosen, collection)
    return entry.method, adapters, item.id


def _renamed(pairs: Sequence[tuple[Key, Key]], found: Mapping[Key, T]) -> list[T]:
    return [replace(found[old], method=new[1]) for new, old in pairs if old in found]
