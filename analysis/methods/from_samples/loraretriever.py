"""LoraRetriever (arXiv 2402.09997): the three adapters nearest to the query, a third each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.methods import About, Method
from analysis.methods.from_samples._samples import (
    COST,
    NEEDS,
    SAMPLES,
    centroid_similarity,
    most_similar,
)

if TYPE_CHECKING:
    from analysis.inference.mixing.policies import ConstantWeights
    from analysis.measure.context import Context

_TOP = 3


def _policy(context: Context, adapter: str) -> ConstantWeights:
    return most_similar(context, centroid_similarity(context), _TOP)


METHOD = Method(
    "loraretriever",
    "LoraRetriever",
    "The three adapters whose mean sample question is nearest to the query, a third each.",
    _policy,
    about=About(
        paper="LoraRetriever, Zhao et al. (arXiv 2402.09997)",
        paradigm="From samples: the three highest cosines with the mean of an adapter's samples; "
        "their outputs are mixed in equal parts.",
        granularity="A query; the same in all layers, tokens and modules.",
        needs=NEEDS,
        cost=COST,
        traps="The paper trains a sentence encoder for the retrieval; here it is the base's mean "
        "state, which tells domains apart less well. It differs from AdapterSoup here only in "
        "whether the samples or their cosines are averaged.",
    ),
    order=220,
    fit=SAMPLES,
)
