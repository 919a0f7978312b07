"""The Hellinger distance: the Euclidean distance of the probabilities' square roots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.measure.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.metrics._pair import Pair


def _of_pair(pair: Pair) -> Tensor:
    roots_V = (pair.p_V.sqrt() + pair.q_V.sqrt()).clamp_min(1e-300)
    return ((pair.difference_V / roots_V).square().sum() / 2).sqrt()


METRIC = Metric(
    name="hellinger",
    label="Hellinger",
    formula="√(½ Σ (√p − √q)²)",
    of_pair=_of_pair,
    order=40,
)
