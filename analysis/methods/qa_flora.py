"""qa-FLoRA (arXiv 2512.11366): each adapter by its share of the divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import Method

if TYPE_CHECKING:
    from analysis.measure.context import Context


def _policy(context: Context, adapter: str) -> ConstantWeights:
    return ConstantWeights(context.adapters, context.settings.weigh(context.divergence()))


METHOD = Method(
    "qa-flora",
    "qa-FLoRA",
    "In each layer, every adapter weighs its share of the divergence that this query causes.",
    _policy,
    order=30,
    of_divergence=True,
)
