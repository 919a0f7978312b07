"""Fusions: the weights that a method gave for an item, and the divergences of its trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ItemFusion:
    """The fusion of one method for one item.

    Attributes:
        task: Name of the task.
        method: Name of the method.
        item: Id of the item.
        adapters: Names of the fused adapters.
        weights_LK: The weights, `[layers, adapters]`; of a rule their mean over tokens and modules.
        divergences: The adapters' mean divergences over layers, in the metric of the settings, by
            position; empty where no method needed a trace of these adapters so far.
    """

    task: str
    method: str
    item: str
    adapters: tuple[str, ...]
    weights_LK: tuple[tuple[float, ...], ...]
    divergences: Mapping[str, tuple[float, ...]]


Fusions = Mapping[tuple[str, str, str], ItemFusion]
"""Fusions by task, method and item."""
