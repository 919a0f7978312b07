"""Static fusion: the same weight for every adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import Method

if TYPE_CHECKING:
    from analysis.measure.context import Context


def _policy(context: Context, adapter: str) -> ConstantWeights:
    import torch

    count = len(context.adapters)
    weights_LK = torch.full((context.layers, count), 1.0 / count, dtype=torch.float64)
    return ConstantWeights(context.adapters, weights_LK)


METHOD = Method(
    "static",
    "Static",
    "Every adapter has the same weight in every layer, whatever the query.",
    _policy,
    order=10,
)
