"""An ablation of qa-FLoRA: the divergence of the model's output in place of each layer's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method

if TYPE_CHECKING:
    from analysis.measure.context import Context


def _policy(context: Context, adapter: str) -> ConstantWeights:
    weights_1K = context.settings.weigh(context.divergence()[-1:])
    return ConstantWeights(context.adapters, weights_1K.repeat(context.layers, 1))


METHOD = Method(
    "qa-flora-last",
    "qa-FLoRA, last layer",
    "In all layers alike, every adapter weighs its share of the divergence after the last layer.",
    _policy,
    about=About(
        paper="an ablation of qa-FLoRA (arXiv 2512.11366), not the paper's",
        paradigm="From the query: shares of the divergence that each adapter alone causes after "
        "the last layer, which with the norm lens is that of the model's output.",
        granularity="A query; the same in all layers, modules and tokens.",
        needs="nothing",
        cost="As qa-FLoRA, whose divergences it shares.",
        traps="As for qa-FLoRA. An adapter that matters in the middle layers only through what the "
        "last layer shows counts by that alone. Where it does as well as qa-FLoRA, a lens on the "
        "inner layers gains nothing.",
    ),
    order=34,
    of_divergence=True,
)
