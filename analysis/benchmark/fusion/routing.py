"""Routing: how often the largest divergences belong to an item's own adapters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.benchmark.adapter_pairs import find_pair
from analysis.benchmark.fusion.records import ItemFusion
from analysis.benchmark.statistics import Share, share
from analysis.benchmark.tasks import Item
from analysis.measure.trace import KEPT, POSITIONS
from analysis.models.collection import AdapterEntry


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
            those of fewer than three adapters, of which the two largest are no choice.
        adapters: The collection's.
    """
    measured = {
        fusion.item: fusion for fusion in fusions if fusion.divergences and len(fusion.adapters) > 2
    }
    routed = [
        (measured[item.id], pair)
        for item in items
        if item.id in measured
        and (pair := find_pair(item, adapters)) is not None
        and {entry.name for entry in pair} <= set(measured[item.id].adapters)
    ]
    if not routed:
        return ()
    return tuple(_routing(position, routed, adapters) for position in POSITIONS)


_Routed = tuple[ItemFusion, tuple[AdapterEntry, ...]]


def _routing(position: str, routed: Sequence[_Routed], adapters: Sequence[AdapterEntry]) -> Routing:
    pairs: list[bool] = []
    leaders: dict[str, list[bool]] = {"language": [], "task": []}
    for fusion, pair in routed:
        signals = dict(zip(fusion.adapters, fusion.divergences[position], strict=True))
        ranked = sorted(signals, key=lambda name: -signals[name])
        pairs.append(set(ranked[:2]) == {entry.name for entry in pair})
        for kind, found in leaders.items():
            alike = [entry.name for entry in adapters if entry.kind == kind]
            first = [name for name in ranked if name in alike]
            right = next(entry.name for entry in pair if entry.kind == kind)
            if len(first) > 1:
                found.append(first[0] == right)
    return Routing(
        signal=signal_at(position),
        items=len(routed),
        pair=share(pairs),
        language=share(leaders["language"]) if leaders["language"] else None,
        task=share(leaders["task"]) if leaders["task"] else None,
    )
