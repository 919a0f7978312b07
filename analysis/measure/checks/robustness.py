"""How far weights vary over variants of a query that mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from analysis.common.errors import InputError

MAX_VARIANTS = 8


@dataclass(frozen=True)
class WeightSpread:
    """Mean and standard deviation of weights over variants of a query.

    Attributes:
        mean_LK: Their mean, `[layers, adapters]`; each layer sums to 1.
        deviation_LK: Their standard deviation, `[layers, adapters]`.
        within_noise_LK: Whether the mean is nearer to 1/k than the deviation,
            `[layers, adapters]`: such a weight says nothing about its adapter.
    """

    mean_LK: Tensor
    deviation_LK: Tensor
    within_noise_LK: Tensor


def weight_spread(weights: Sequence[Tensor]) -> WeightSpread:
    """The spread of weights over variants of a query.

    Args:
        weights: The weights of each variant, `[layers, adapters]`; at least two variants.

    Raises:
        InputError: There are fewer than two variants.
    """
    if len(weights) < 2:
        raise InputError("A spread needs at least two variants of the query: add one.")
    weights_NLK = torch.stack(list(weights)).double()
    mean_LK = weights_NLK.mean(dim=0)
    deviation_LK = weights_NLK.std(dim=0)
    within_noise_LK = (mean_LK - 1.0 / mean_LK.shape[1]).abs() < deviation_LK
    return WeightSpread(mean_LK, deviation_LK, within_noise_LK)


def variants(query: str) -> tuple[str, ...]:
    """Spellings of a query that should not change its meaning, at most `MAX_VARIANTS`.

    All end with the query's last word as it is: another last token would be read otherwise, and
    the spread would show that and not the noise.
    """
    bare = query.strip()
    start = bare.rfind(" ") + 1
    head, last = bare[:start], bare[start:]
    first = bare[:1].lower() + bare[1:] if head else bare
    made = (
        bare,
        first,
        head.lower() + last,
        head.replace(" ", "  ", 1) + last if head.count(" ") > 1 else bare,
        head.replace(",", "") + last,
        f" {bare}",
        f"\n{bare}",
    )
    return tuple(dict.fromkeys(made if bare else ()))[:MAX_VARIANTS]
