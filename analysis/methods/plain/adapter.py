"""One adapter alone, at weight 1: `adapter:math`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method

if TYPE_CHECKING:
    from analysis.measure.context import Context


def _policy(context: Context, adapter: str) -> ConstantWeights:
    import torch

    # The adapter need not be among those that are fused.
    return ConstantWeights((adapter,), torch.ones(context.layers, 1, dtype=torch.float64))


METHOD = Method(
    "adapter",
    "alone",
    "A single adapter, as it was trained to run.",
    _policy,
    about=About(
        paper="LoRA, Hu et al. (arXiv 2106.09685)",
        paradigm="None: the adapter as it was trained to run.",
        granularity="Weight 1 in every layer.",
        needs="nothing",
        cost="None.",
        traps="The right adapter has to be known.",
    ),
    order=40,
    of_adapter=True,
)
