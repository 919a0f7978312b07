"""qa-FLoRA, calibrated: choose the adapters that the query calls for, then share equally.

qa-FLoRA turns divergences into weights directly, so an adapter that changes every text gets weight
everywhere, and the second adapter that a question needs can get a tenth of the weight. Here the
divergence only chooses. With `d` an adapter's mean divergence over the layers and `u` its usual
one, over neutral queries, its score is `d / √(u · max d)`: the geometric mean of its share of the
largest divergence and of its ratio to its own usual divergence. The leading adapter of each kind
(language, task) is chosen if its score reaches a threshold, and the adapter that leads them all is
always chosen. Each kind that is chosen gets the same share, in all layers.

The threshold was chosen on development items: docs/calibrated.md has the study.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import About, Method

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.context import Context

_THRESHOLD = 0.35
_TIE = 1e-4
"""Divergences of copies of an adapter differ by round-off."""


def calibrated_weights(
    divergence_K: Tensor, usual_K: Tensor, kinds: Sequence[str], threshold: float = _THRESHOLD
) -> Tensor:
    """The weight of each adapter, `[adapters]` in float64; they sum to 1.

    Args:
        divergence_K: Mean divergence of each adapter over the layers.
        usual_K: The same over neutral queries.
        kinds: The kind of each adapter. An adapter of kind `other` is a group of its own.
        threshold: The score from which the leader of a kind is chosen.
    """
    import torch

    weights_K = torch.zeros_like(divergence_K, dtype=torch.float64)
    largest = float(divergence_K.max())
    if largest <= 0:
        return torch.full_like(weights_K, 1.0 / len(weights_K))
    chosen = []
    for group in _groups(kinds):
        top = max(float(divergence_K[index]) for index in group)
        leaders = [index for index in group if float(divergence_K[index]) >= top * (1 - _TIE)]
        # Squared: an adapter that changes no neutral query has a score without bound.
        speaks = any(
            float(divergence_K[index]) ** 2 >= threshold**2 * largest * float(usual_K[index])
            for index in leaders
        )
        if top > 0 and (speaks or top >= largest * (1 - _TIE)):
            chosen.append(leaders)
    for leaders in chosen:
        weights_K[leaders] = 1.0 / (len(chosen) * len(leaders))
    return weights_K


def _groups(kinds: Sequence[str]) -> list[list[int]]:
    """The places of the adapters of each kind."""
    groups: dict[object, list[int]] = {}
    for index, kind in enumerate(kinds):
        groups.setdefault(index if kind == "other" else kind, []).append(index)
    return list(groups.values())


def _policy(context: Context, adapter: str) -> ConstantWeights:
    divergence_K = context.divergence().mean(dim=0)
    usual_K = context.baseline().mean_LK.mean(dim=0)
    weights_K = calibrated_weights(divergence_K, usual_K, context.kinds())
    return ConstantWeights(context.adapters, weights_K.expand(context.layers, -1).clone())


METHOD = Method(
    "qa-flora-calibrated",
    "qa-FLoRA, calibrated",
    "Chooses one language and one task by how far they move the model beyond their usual, and "
    "shares the weight equally.",
    _policy,
    about=About(
        paper="",
        paradigm="From the query: divergence chooses the adapters, then all that are chosen count "
        "the same.",
        granularity="A query; the same for all layers, tokens and modules.",
        needs="The kinds of the adapters (language or task), where the collection names them.",
        cost="As qa-FLoRA; once for each engine, sixteen neutral queries are traced as well.",
        traps="At most one adapter of each kind is chosen: a question that needs two languages or "
        "two tasks loses one. A choice can be wrong altogether, where qa-FLoRA would still give "
        "the right adapter some weight. The threshold was chosen on this project's own tasks.",
    ),
    order=35,
    of_divergence=True,
)
