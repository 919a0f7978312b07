"""The base model as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method

if TYPE_CHECKING:
    from analysis.measure.context import Context


def _policy(context: Context, adapter: str) -> ConstantWeights:
    import torch

    zeros_LK = torch.zeros(context.layers, len(context.adapters), dtype=torch.float64)
    return ConstantWeights(context.adapters, zeros_LK)


METHOD = Method(
    "base",
    "Base",
    "The base model without any adapter.",
    _policy,
    about=About(
        paper="",
        paradigm="None: the base model without adapters.",
        granularity="Every weight is 0.",
        needs="nothing",
        cost="None.",
        traps="A base without chat training often does not answer a question but continues it.",
    ),
    order=0,
)
