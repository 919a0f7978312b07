"""Sample questions of each adapter as vectors, and the query's cosine with them.

A question's vector is the base's mean last-layer state over its tokens, after the final norm, at
length 1. The papers use sentence encoders of their own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from analysis.common.progress import time_left
from analysis.inference.mixing.policies import ConstantWeights
from analysis.learning.fit import Fit, FitContext
from analysis.methods import learnt

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context

PART = "samples"
NEEDS = (
    "Up to 20 sample questions of each adapter's domain, whose vectors are stored once: "
    "`fit-method centroid`."
)
COST = "One forward pass of the base over the query, shared by these methods."


def _learn(context: FitContext) -> dict[str, Tensor]:
    """The vectors of each adapter's samples, `[samples, width]` in float16."""
    import torch

    kept = context.work.read()
    began, done = time.monotonic(), 0
    whole = sum(map(len, context.samples.values()))
    for adapter, prompts in context.samples.items():
        name = f"{PART}.{adapter}"
        if name in kept:
            whole -= len(prompts)
            continue
        vectors = []
        for prompt in prompts:
            rest = time_left(time.monotonic() - began, done, whole)
            context.progress(f"samples of {adapter}{rest}", done / whole)
            vectors.append(unit(context.engine.representation(prompt)))
            done += 1
        kept[name] = torch.stack(vectors).half()
        context.work.write(kept)
    return kept


SAMPLES = Fit("samples", "samples", _learn)
"""The fit that all these methods share."""


def unit(vectors_ND: Tensor) -> Tensor:
    """Vectors at length 1; a zero vector stays zero."""
    length_N1 = vectors_ND.norm(dim=-1, keepdim=True)
    unit_ND: Tensor = vectors_ND / length_N1.masked_fill(length_N1 == 0, 1.0)
    return unit_ND


def centroid_similarity(context: Context) -> Tensor:
    """Cosine of the query with the mean of each adapter's samples, `[adapters]` in float64.

    Raises:
        Unavailable: There are no samples.
    """
    import torch

    vectors = learnt(context, SAMPLES, PART, "centroid")
    mean_KD = torch.stack([vectors_SD.double().mean(dim=0) for vectors_SD in vectors.values()])
    # Not a matrix product, whose round-off differs from row to row: duplicates must tie.
    return (unit(mean_KD) * unit(context.representation())).sum(dim=-1)


def mean_similarity(context: Context) -> Tensor:
    """Mean of the query's cosines with each adapter's samples, `[adapters]` in float64.

    Raises:
        Unavailable: There are no samples.
    """
    import torch

    vectors = learnt(context, SAMPLES, PART, "centroid")
    query_D = unit(context.representation())
    return torch.stack(
        [(unit(vectors_SD.double()) * query_D).sum(-1).mean() for vectors_SD in vectors.values()]
    )


def most_similar(context: Context, similarity_K: Tensor, top: int) -> ConstantWeights:
    """The adapters of the highest similarity, in equal parts; of a tie the first ones.

    Args:
        context: The adapters.
        similarity_K: Of each adapter.
        top: How many adapters are taken, if there are so many.
    """
    import torch

    order = similarity_K.sort(descending=True, stable=True).indices
    chosen = order[:top]
    weights_K = torch.zeros_like(similarity_K)
    weights_K[chosen] = 1.0 / len(chosen)
    return same_in_all_layers(context, weights_K)


def same_in_all_layers(context: Context, weights_K: Tensor) -> ConstantWeights:
    """A policy with the same weights in every layer."""
    return ConstantWeights(context.adapters, weights_K.expand(context.layers, -1).clone())
