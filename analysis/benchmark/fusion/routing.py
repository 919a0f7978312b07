"""Routing: how often the largest signals belong to an item's own adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.benchmark.adapter_pairs import find_pair
from analysis.benchmark.fusion.records import ItemFusion
from analysis.benchmark.statistics import Share, share
from analysis.benchmark.tasks import Item
from analysis.measure.trace import KEPT, POSITIONS
from analysis.models.collection import AdapterEntry

_FEWEST = 3
"""Of fewer adapters the two largest are no choice."""

Values = Mapping[str, Mapping[str, float]]
"""A signal's means over layers: for an item's id, by adapter."""


@dataclass(frozen=True)
class Routing:
    """How often one signal leads to the right adapters, over the items of a task with a pair.

    Attributes:
        signal: Name of the signal, such as `mean divergence, query's last token`.
        items: Number of items.
        pair: Items whose two largest signals are those of their language adapter and task adapter.
        language: Items whose largest signal among language adapters is that of their language;
            None where fewer than two language adapters are fused.
        task: The same among task adapters.
    """

    signal: str
    items: int
    pair: Share
    language: Share | None
    task: Share | None


def signal_at(position: str) -> str:
    """The name of the mean divergence at a position."""
    place = f"{position}'s last token" if position in KEPT else position
    return f"mean divergence, {place}"


def routings(
    items: Sequence[Item], fusions: Sequence[ItemFusion], adapters: Sequence[AdapterEntry]
) -> tuple[Routing, ...]:
    """The routing of the mean divergence at each position; empty where no item can be routed.

    Args:
        items: The items of a task.
        fusions: Fusions of the task, by any method; those without divergences are left out, and
            those of fewer than three adapters.
        adapters: The collection's.
    """
    found = []
    for position in POSITIONS:
        values = {
            fusion.item: dict(zip(fusion.adapters, fusion.divergences[position], strict=True))
            for fusion in fusions
            # An oracle fuses the pair alone, which leaves no choice.
            if fusion.divergences and len(fusion.adapters) >= _FEWEST
        }
        one = routing(signal_at(position), items, values, adapters)
        if one is not None:
            found.append(one)
    return tuple(found)


def routing(
    signal: str, items: Sequence[Item], values: Values, adapters: Sequence[AdapterEntry]
) -> Routing | None:
    """The routing of one signal; None where no item can be routed.

    Args:
        signal: Its name.
        items: The items of a task.
        values: The signal; items of fewer than three adapters are left out, and so are those whose
            own pair is not among them.
        adapters: The collection's.
    """
    pairs: list[bool] = []
    leaders: dict[str, list[bool]] = {"language": [], "task": []}
    for item in items:
        of_item, pair = values.get(item.id, {}), find_pair(item, adapters)
        if len(of_item) < _FEWEST or pair is None or not {one.name for one in pair} <= set(of_item):
            continue
        ranked = sorted(of_item, key=lambda name: -of_item[name])
        pairs.append(set(ranked[:2]) == {entry.name for entry in pair})
        for kind, found in leaders.items():
            alike = [entry.name for entry in adapters if entry.kind == kind]
            first = [name for name in ranked if name in alike]
            right = next(entry.name for entry in pair if entry.kind == kind)
            if len(first) > 1:
                found.append(first[0] == right)
    if not pairs:
        return None
    return Routing(
        signal=signal,
        items=len(pairs),
        pair=share(pairs),
        language=share(leaders["language"]) if leaders["language"] else None,
        task=share(leaders["task"]) if leaders["task"] else None,
    )
