"""An ablation of qa-FLoRA: the mean divergence of all layers in place of each layer's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method

if TYPE_CHECKING:
    from analysis.measure.context import Context


def _policy(context: Context, adapter: str) -> ConstantWeights:
    mean_1K = context.divergence().mean(dim=0, keepdim=True)
    weights_LK = context.settings.weigh(mean_1K).repeat(context.layers, 1)
    return ConstantWeights(context.adapters, weights_LK)


METHOD = Method(
    "qa-flora-mean",
    "qa-FLoRA, layers' mean",
    "In all layers alike, every adapter weighs its share of its mean divergence over the layers.",
    _policy,
    about=About(
        paper="an ablation of qa-FLoRA (arXiv 2512.11366), not the paper's",
        paradigm="From the query: shares of the divergence that each adapter causes alone, "
        "averaged over the layers.",
        granularity="A query; the same in all layers, modules and tokens.",
        needs="nothing",
        cost="As qa-FLoRA, whose divergences it shares.",
        traps="As for qa-FLoRA. Layers with large divergences decide for all layers. "
        "Where it does as well as qa-FLoRA, weights for each layer gain nothing.",
    ),
    order=32,
    of_divergence=True,
)
