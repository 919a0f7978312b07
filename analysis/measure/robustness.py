"""Is a pattern real? How far weights spread over small changes of the same question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from analysis.common.errors import InputError

MOST_VARIANTS = 8


@dataclass(frozen=True)
class Spread:
    """Weights over several variants of a query.

    Attributes:
        mean_LK: Their mean, `[layers, adapters]`; each layer sums to 1.
        deviation_LK: Their standard deviation, `[layers, adapters]`.
        noise_LK: Whether the mean is nearer to 1/k than the deviation, `[layers, adapters]`: such
            a cell says nothing about its adapter.
    """

    mean_LK: Tensor
    deviation_LK: Tensor
    noise_LK: Tensor


def spread(weights: Sequence[Tensor]) -> Spread:
    """The spread of weights over variants.

    Args:
        weights: One `[layers, adapters]` for each of at least two variants.

    Raises:
        InputError: There are fewer than two.
    """
    if len(weights) < 2:
        raise InputError("A spread needs at least two variants of the query: add one.")
    weights_NLK = torch.stack(list(weights)).double()
    mean_LK = weights_NLK.mean(dim=0)
    deviation_LK = weights_NLK.std(dim=0)
    noise_LK = (mean_LK - 1.0 / mean_LK.shape[1]).abs() < deviation_LK
    return Spread(mean_LK, deviation_LK, noise_LK)


def variants(query: str) -> tuple[str, ...]:
    """Ways to write the same query that should change nothing that matters."""
    bare = query.strip()
    made = (
        bare,
        bare + " ",
        bare + "\n",
        bare.rstrip("?.!？。！"),
        bare[:1].lower() + bare[1:],
        bare.lower(),
        bare.replace(" ", "  "),
    )
    return tuple(dict.fromkeys(one for one in made if one))[:MOST_VARIANTS]
