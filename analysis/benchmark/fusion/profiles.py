"""Layer profiles: the weights of a method in each layer, over the items of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.benchmark.fusion.records import ItemFusion


@dataclass(frozen=True)
class LayerProfile:
    """The weights of one method over the items of a task.

    Attributes:
        method: Name of the method.
        adapters: Names of all adapters that it fuses for some item, in the collection's order.
        mean_LK: Mean over items of the weights, `[layers, adapters]`; an adapter that is not fused
            for an item has weight 0 there.
        spread_LK: Standard deviation over items, same shape.
    """

    method: str
    adapters: tuple[str, ...]
    mean_LK: tuple[tuple[float, ...], ...]
    spread_LK: tuple[tuple[float, ...], ...]


def layer_profile(
    method: str, fusions: Sequence[ItemFusion], collection: Sequence[str]
) -> LayerProfile:
    """The profile of a method.

    Args:
        method: Name of the method.
        fusions: Its fusion for each item.
        collection: Names of the collection's adapters, in their order.
    """
    fused = {name for fusion in fusions for name in fusion.adapters}
    adapters = tuple(name for name in collection if name in fused)
    weights_NLK = np.zeros((len(fusions), len(fusions[0].weights_LK), len(adapters)))
    for place, fusion in enumerate(fusions):
        columns = [adapters.index(name) for name in fusion.adapters]
        weights_NLK[place][:, columns] = fusion.weights_LK
    return LayerProfile(
        method, adapters, _plain(weights_NLK.mean(axis=0)), _plain(weights_NLK.std(axis=0))
    )


def _plain(values_LK: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(value), 5) for value in row) for row in values_LK)
