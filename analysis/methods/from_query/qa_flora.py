"""qa-FLoRA (arXiv 2512.11366): each adapter by its share of the divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method

if TYPE_CHECKING:
    from analysis.measure.context import Context


def _policy(context: Context, adapter: str) -> ConstantWeights:
    return ConstantWeights(context.adapters, context.settings.weigh(context.relevance()))


METHOD = Method(
    "qa-flora",
    "qa-FLoRA",
    "In each layer, every adapter weighs its share of the divergence that this query causes.",
    _policy,
    about=About(
        paper="qa-FLoRA (arXiv 2512.11366)",
        paradigm="From the query: shares of the divergence that each adapter causes alone.",
        granularity="A query and a layer; the same for all tokens and modules.",
        needs="nothing",
        cost="One forward pass with a row for each adapter, and the LM head once a layer.",
        traps="Divergence grows about with the square of an adapter's size, and an adapter that "
        "changes every text gets weight everywhere. The paper reads the LM head without the final "
        "norm and at the query's last token; here lens and position are choices, and the signal is "
        "too: another than the divergence, as it is or over each adapter's usual one.",
    ),
    order=30,
    of_divergence=True,
)
