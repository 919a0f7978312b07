"""The Euclidean distance of the probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.measure.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.metrics._pair import Pair


def _of_pair(pair: Pair) -> Tensor:
    return pair.difference_V.square().sum().sqrt()


METRIC = Metric(
    name="euclidean",
    label="Euclidean",
    formula="√(Σ (p − q)²)",
    of_pair=_of_pair,
    order=60,
)
