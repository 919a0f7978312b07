"""AdapterSoup (arXiv 2302.07027): the adapters whose samples resemble the query, averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.methods import About, Method
from analysis.methods.from_samples._samples import (
    COST,
    NEEDS,
    SAMPLES,
    mean_similarity,
    most_similar,
)

if TYPE_CHECKING:
    from analysis.inference.mixing.policies import ConstantWeights
    from analysis.measure.context import Context

_TOP = 3


def _policy(context: Context, adapter: str) -> ConstantWeights:
    return most_similar(context, mean_similarity(context), _TOP)


METHOD = Method(
    "adaptersoup",
    "AdapterSoup",
    "The three adapters whose sample questions resemble the query most, averaged.",
    _policy,
    about=About(
        paper="AdapterSoup, Chronopoulou et al. (arXiv 2302.07027)",
        paradigm="From samples: the highest means of the cosines with an adapter's samples; the "
        "chosen adapters count the same.",
        granularity="A query; the same in all layers, tokens and modules.",
        needs=NEEDS,
        cost=COST,
        traps="The paper averages the adapters' own parameters and chooses them once for a domain, "
        "from a sentence encoder; here ΔW is averaged and the choice is made for each query, from "
        "states of the base. Three adapters are a choice of ours.",
    ),
    order=210,
    fit=SAMPLES,
)
