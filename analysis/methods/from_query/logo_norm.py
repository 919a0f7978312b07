"""LoGo with norms (arXiv 2511.07129): an adapter scores by `‖ΔW x‖` in the last queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method
from analysis.methods.from_query._logo import logo_policy

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context


def score(change_O: Tensor) -> float:
    """`‖ΔW x‖₂` of a change `ΔW x`, `[outputs]`."""
    return float(change_O.norm())


def _policy(context: Context, adapter: str) -> ConstantWeights:
    return logo_policy(context, score)


METHOD = Method(
    "logo-norm",
    "LoGo (norm)",
    "Every adapter weighs its share of how much it changes the last layer's queries.",
    _policy,
    about=About(
        paper="LoGo (arXiv 2511.07129)",
        paradigm="From the query: shares of ‖ΔW x‖ in the last layer's query projection, at the "
        "prompt's last token; the 20 largest count.",
        granularity="A query; the same in all layers, modules and tokens.",
        needs="nothing",
        cost="One forward pass, which qa-FLoRA's trace shares.",
        traps="A strong adapter gets weight whatever the query, and one module of one layer speaks "
        "for all. The prompt's last token is the same for every query where a template ends the "
        "prompt. Here x is the module's input in the base alone; the released code reads the "
        "state before the norm, while the adapters of the last query still act. Where queries, "
        "keys and values are one module, all its outputs count. Where no adapter changes the "
        "query projection, the layer's first attention module that one changes takes its place; "
        "an adapter that does not change the module gets 0.",
    ),
    order=50,
)
