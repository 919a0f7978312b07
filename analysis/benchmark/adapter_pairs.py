"""The pair of adapters that belongs to an item: one of its language, one of its domain."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.benchmark.tasks import Item, Task
from analysis.common.errors import InputError
from analysis.models.collection import AdapterEntry


def pair_of(item: Item, adapters: Sequence[AdapterEntry]) -> tuple[str, ...]:
    """The names of an item's two adapters, in the collection's order.

    Args:
        item: The item.
        adapters: The collection's, whose `kind` and `tag` say where they belong.

    Raises:
        InputError: The collection has no such adapter, or more than one.
    """
    found = {
        _only(adapters, "language", _language_tag(item, adapters), item),
        _only(adapters, "task", item.domain, item),
    }
    return tuple(entry.name for entry in adapters if entry.name in found)


def find_pair(item: Item, adapters: Sequence[AdapterEntry]) -> tuple[AdapterEntry, ...] | None:
    """An item's two adapters, in the collection's order; None where it has no pair."""
    try:
        names = pair_of(item, adapters)
    except InputError:
        return None
    return tuple(entry for entry in adapters if entry.name in names)


def check_pairs(tasks: Sequence[Task], adapters: Sequence[AdapterEntry]) -> None:
    """Refuses tasks with an item that has no pair.

    Raises:
        InputError: As `pair_of`.
    """
    for task in tasks:
        for item in task.items:
            pair_of(item, adapters)


def _language_tag(item: Item, adapters: Sequence[AdapterEntry]) -> str:
    """The item's language as an adapter names it: a region or script counts where one has it."""
    own = any((entry.kind, entry.tag) == ("language", item.lang) for entry in adapters)
    return item.lang if own else item.language


def _only(adapters: Sequence[AdapterEntry], kind: str, tag: str, item: Item) -> str:
    found = [entry.name for entry in adapters if (entry.kind, entry.tag) == (kind, tag)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted(entry.tag for entry in adapters if entry.kind == kind)) or "none"
    has = (
        f"no {kind} adapter with tag {tag!r} (it has {known})"
        if not found
        else f"{len(found)} {kind} adapters with tag {tag!r} ({', '.join(found)})"
    )
    raise InputError(
        f"Item {item.id} has no pair: the collection has {has}. Give its adapters kind and tag in "
        "the manifest, or use --all, or --adapters with names, and leave --pair and oracle-pair "
        "out."
    )
