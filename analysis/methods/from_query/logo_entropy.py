"""LoGo with entropies (arXiv 2511.07129): an adapter scores by how peaked its change is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method
from analysis.methods.from_query._logo import logo_policy

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context

_LEAST = 1e-6
"""The paper's number that keeps the score finite."""


def score(change_O: Tensor) -> float:
    """`1 / (H(softmax(ΔW x)) + 1e-6)`, with H in nats, of a change `ΔW x`, `[outputs]`."""
    log_O = change_O.log_softmax(dim=0)
    entropy = float(-(log_O.exp() * log_O).sum())
    # Round-off may make the entropy of a single peak negative.
    return 1 / (max(entropy, 0.0) + _LEAST)


def _policy(context: Context, adapter: str) -> ConstantWeights:
    return logo_policy(context, score)


METHOD = Method(
    "logo-entropy",
    "LoGo (entropy)",
    "Every adapter weighs by how peaked its change of the last layer's queries is.",
    _policy,
    about=About(
        paper="LoGo (arXiv 2511.07129)",
        paradigm="From the query: shares of 1 / entropy of softmax(ΔW x) in the last layer's query "
        "projection, at the prompt's last token; the 20 largest count.",
        granularity="A query; the same in all layers, modules and tokens.",
        needs="nothing",
        cost="One forward pass, which qa-FLoRA's trace shares.",
        traps="The entropy is near its maximum for every adapter, so that the weights are almost "
        "those of static fusion, and an adapter of zeros gets about as much as the rest. The "
        "prompt's last token is the same for every query where a template ends the prompt. Here x "
        "is the module's input in the base alone; the released code reads the state before the "
        "norm, while the adapters of the last query still act. Where queries, keys and values are "
        "one module, all its outputs count. Where no adapter changes the query projection, the "
        "layer's first attention module that one changes takes its place; an adapter that does "
        "not change the module gets 0.",
    ),
    order=52,
)
