"""ARIADNE (arXiv 2606.19079): the one adapter whose domain's mean is nearest to the query."""

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


def _policy(context: Context, adapter: str) -> ConstantWeights:
    return most_similar(context, centroid_similarity(context), 1)


METHOD = Method(
    "ariadne",
    "ARIADNE",
    "The one adapter whose mean sample question is nearest to the query, at weight 1.",
    _policy,
    about=About(
        paper="ARIADNE (arXiv 2606.19079)",
        paradigm="From samples: the highest cosine with the mean of an adapter's samples.",
        granularity="A query; the same in all layers, tokens and modules.",
        needs=NEEDS,
        cost=COST,
        traps="It selects and does not fuse: a question that needs two adapters gets one of them. "
        "With the bundled collection that was the language's, in nine of nine dev questions, one "
        "of each composite task. The paper's centroids are of the training data, in its own "
        "representation.",
    ),
    order=230,
    fit=SAMPLES,
)
