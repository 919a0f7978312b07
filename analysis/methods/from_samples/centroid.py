"""Centroid similarity: each adapter by the cosine of the query with its domain's mean.

The baseline of qa-FLoRA's paper (arXiv 2512.11366), which does not say which representation it
compares; here it is the base's mean last-layer state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.methods import About, Method
from analysis.methods.from_samples._samples import (
    COST,
    NEEDS,
    SAMPLES,
    centroid_similarity,
    same_in_all_layers,
)

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.inference.mixing.policies import ConstantWeights
    from analysis.measure.context import Context


def shares(similarity_K: Tensor) -> Tensor:
    """Similarities as weights: negative ones count as 0; 1/k where none is positive."""
    import torch

    positive_K = similarity_K.clamp(min=0.0)
    total = positive_K.sum()
    if float(total) == 0.0:
        return torch.full_like(positive_K, 1.0 / len(positive_K))
    return positive_K / total


def _policy(context: Context, adapter: str) -> ConstantWeights:
    return same_in_all_layers(context, shares(centroid_similarity(context)))


METHOD = Method(
    "centroid",
    "Centroid",
    "Every adapter weighs its share of the query's cosines with the domains' mean questions.",
    _policy,
    about=About(
        paper="A baseline of qa-FLoRA (arXiv 2512.11366)",
        paradigm="From samples: shares of the cosine with the mean of each adapter's samples.",
        granularity="A query; the same in all layers, tokens and modules.",
        needs=NEEDS,
        cost=COST,
        traps="Domains that resemble each other get about the same weight, relevant or not: in the "
        "bundled base the means of mathematics and medicine have a cosine of 0.87. Weights sum to "
        "1, so no adapter acts in full. The paper does not name its representation.",
    ),
    order=200,
    fit=SAMPLES,
)
