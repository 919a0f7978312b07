"""Static fusion: the same weight for every adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method

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
    about=About(
        paper="",
        paradigm="Arithmetic: every adapter counts the same.",
        granularity="One weight for all queries, layers and tokens.",
        needs="nothing",
        cost="None.",
        traps="With k adapters each one acts at a k-th of its strength, relevant or not.",
    ),
    order=10,
)
