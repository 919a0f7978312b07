"""Task arithmetic with factor 1: the adapters added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method

if TYPE_CHECKING:
    from analysis.measure.context import Context


def _policy(context: Context, adapter: str) -> ConstantWeights:
    import torch

    ones_LK = torch.ones(context.layers, len(context.adapters), dtype=torch.float64)
    return ConstantWeights(context.adapters, ones_LK)


METHOD = Method(
    "sum",
    "Sum",
    "Every adapter weighs 1: all changes are added up.",
    _policy,
    about=About(
        paper="Task arithmetic, Ilharco et al. (arXiv 2212.04089), with a factor of 1",
        paradigm="Arithmetic: every adapter counts in full.",
        granularity="One weight for all queries, layers and tokens.",
        needs="nothing",
        cost="None.",
        traps="Many adapters in full strength can push the model off any language it knows.",
    ),
    order=20,
)
