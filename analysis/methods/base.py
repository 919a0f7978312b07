"""The base model as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import Method

if TYPE_CHECKING:
    from analysis.measure.context import Context


def _policy(context: Context, adapter: str) -> ConstantWeights:
    import torch

    zeros_LK = torch.zeros(context.layers, len(context.adapters), dtype=torch.float64)
    return ConstantWeights(context.adapters, zeros_LK)


METHOD = Method("base", "Base", "The base model without any adapter.", _policy, order=0)
