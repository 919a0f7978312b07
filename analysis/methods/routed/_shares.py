"""From the scores of adapters to weights that sum to 1, for each token by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

TIE = 1e-5
"""Scores that differ by less, as a part of the largest, tie: between copies of an adapter a product
in float32 may differ by its round-off."""


def shortlist(scores_RTK: Tensor, top: int) -> Tensor:
    """Whether each score is among the largest; those that tie with the last of them are, too.

    Args:
        scores_RTK: Scores, `[rows, tokens, adapters]`; −∞ for adapters that get none.
        top: How many scores count.
    """
    last_RT1 = scores_RTK.topk(min(top, scores_RTK.shape[-1])).values[..., -1:]
    return _reaches(scores_RTK, last_RT1, TIE * scores_RTK.amax(dim=-1, keepdim=True).abs())


def top_softmax(scores_RTK: Tensor, top: int) -> Tensor:
    """A softmax over the shortlist; 0 for the rest.

    Args:
        scores_RTK: Scores, `[rows, tokens, adapters]`; −∞ for adapters that get none.
        top: How many scores count.
    """
    import torch

    largest_RT1 = scores_RTK.amax(dim=-1, keepdim=True)
    terms_RTK = (scores_RTK - largest_RT1).exp()
    terms_RTK = torch.where(shortlist(scores_RTK, top), terms_RTK, 0)
    # The largest has the term 1; the sum is 0 only where no adapter has a score.
    return terms_RTK / terms_RTK.sum(dim=-1, keepdim=True).clamp_min(1)


def largest_alone(scores_RTK: Tensor, tie: Tensor | float) -> Tensor:
    """1 for the largest score; those that tie with it share.

    Args:
        scores_RTK: Scores, `[rows, tokens, adapters]`; −∞ for adapters that get none.
        tie: Scores that are smaller by so much tie with the largest; `[rows, tokens, 1]`.
    """
    counts_RTK = _reaches(scores_RTK, scores_RTK.amax(dim=-1, keepdim=True), tie).to(scores_RTK)
    return counts_RTK / counts_RTK.sum(dim=-1, keepdim=True).clamp_min(1)


def _reaches(scores_RTK: Tensor, bound_RT1: Tensor, tie: Tensor | float) -> Tensor:
    return (scores_RTK >= bound_RT1 - tie) & scores_RTK.isfinite()
