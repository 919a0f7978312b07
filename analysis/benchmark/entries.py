"""Entries: the methods that are compared on a task, each with the adapters that it fuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.benchmark.adapter_pairs import check_pairs, pair_of
from analysis.benchmark.tasks import Item, Task
from analysis.common.errors import InputError
from analysis.methods import ALL, expanded, named
from analysis.models.collection import Collection
from analysis.models.manifest import choose_adapters

Mode = Literal["all", "pair", "chosen"]
EntryKind = Literal["method", "oracle", "copy"]

EVERY_ADAPTER = "adapter:*"
ORACLE_PAIR = "oracle-pair"
BEST_SINGLE = "best-single"
COPY = "copy"


@dataclass(frozen=True)
class Selection:
    """The adapters that are fused.

    Attributes:
        mode: `all` of the collection, the `pair` of each item, or `chosen` names.
        adapters: The names; empty for `pair`, where they depend on the item.
    """

    mode: Mode
    adapters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One line of a task's results.

    Attributes:
        name: Name in results, as it was asked for.
        kind: `method`; `oracle`, which knows what no method knows: an item's pair, or the scores;
            or `copy`, which repeats the question.
        method: Name of the fusion method, for `analysis.methods.fuse`; "" where no model runs.
        pair: Whether the item's pair is fused instead of the selected adapters.
    """

    name: str
    kind: EntryKind
    method: str
    pair: bool = False


def selection(collection: Collection, pair: bool, adapters: Sequence[str] | None) -> Selection:
    """The selection that a command asks for; all adapters by default.

    Raises:
        InputError: There is no such adapter.
    """
    if pair:
        return Selection("pair")
    chosen = choose_adapters(adapters, collection.names)
    return Selection("all" if adapters is None else "chosen", chosen)


def check_entries(
    tasks: Sequence[Task], names: Sequence[str], chosen: Selection, collection: Collection
) -> None:
    """Refuses names and tasks that cannot be run, before a model is loaded.

    Raises:
        InputError: There is no such method or adapter, or an item has no pair.
    """
    for name in names:
        if name != ALL and names.count(name) > 1:
            raise InputError(f"Method {name!r} is named twice: name it once.")
        if name == COPY:
            raise InputError("Copying is scored in every benchmark: leave the method 'copy' out.")
    whole = with_all(names)
    if BEST_SINGLE in whole and EVERY_ADAPTER not in whole:
        raise InputError(
            f"{BEST_SINGLE!r} is the best adapter alone: add {EVERY_ADAPTER} to the methods."
        )
    plain = fusing(whole)
    if plain or not whole:
        named(plain, collection.names)
    if chosen.mode == "pair" or ORACLE_PAIR in names:
        check_pairs(tasks, collection.adapters)


def with_all(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with every method that is not named in the place of `all`.

    Raises:
        InputError: `all` comes twice.
    """
    whole = expanded(names, ("*",))
    # Of the methods that take an adapter, a benchmark runs the adapters alone.
    return tuple(name for name in whole if name in (*names, EVERY_ADAPTER) or ":" not in name)


def fusing(names: Sequence[str]) -> list[str]:
    """The names that are names of fusion methods."""
    return [name for name in names if name not in (EVERY_ADAPTER, ORACLE_PAIR, BEST_SINGLE)]


def entries_of(
    task: Task, names: Sequence[str], chosen: Selection, collection: Collection
) -> tuple[Entry, ...]:
    """The entries of a task, in the order of the names.

    `adapter:*` becomes one entry for each selected adapter that is not named itself; with `pair`,
    for each adapter of the task's pairs.
    """
    entries: list[Entry] = []
    for name in names:
        if name == ORACLE_PAIR:
            entries.append(Entry(name, "oracle", "static", pair=True))
        elif name == BEST_SINGLE:
            entries.append(Entry(name, "oracle", ""))
        elif name == EVERY_ADAPTER:
            alone = [f"adapter:{adapter}" for adapter in _adapters(task, chosen, collection)]
            entries += [Entry(one, "method", one) for one in alone if one not in names]
        else:
            entries.append(Entry(name, "method", name))
    return tuple(entries)


def fused_adapters(
    entry: Entry, item: Item, chosen: Selection, collection: Collection
) -> tuple[str, ...]:
    """The adapters that an entry fuses for an item."""
    if entry.pair or chosen.mode == "pair":
        return pair_of(item, collection.adapters)
    return chosen.adapters


def _adapters(task: Task, chosen: Selection, collection: Collection) -> tuple[str, ...]:
    if chosen.mode != "pair":
        return chosen.adapters
    found = {name for item in task.items for name in pair_of(item, collection.adapters)}
    return tuple(name for name in collection.names if name in found)
