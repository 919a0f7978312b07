"""Tests of a difference between two methods, and the differences that so many items can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from analysis.benchmark.statistics import RESAMPLES, Z_95, Floats

LEVEL = 0.05
_Z_80 = 0.8416212335729143  # four fifths of a standard normal lie below it


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p of McNemar's test.

    Args:
        only_first: Items that the first method alone has right.
        only_second: Items that the second method alone has right.
    """
    discordant = only_first + only_second
    tail = sum(math.comb(discordant, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2.0 * tail / (1 << discordant))


def sign_flip(sums_C: Floats, seed: int = 0, samples: int = RESAMPLES) -> float:
    """The two-sided p of a difference by a permutation test over clusters.

    If two methods do not differ, each cluster could as well speak for the other: its sign is a coin
    (Fisher 1935). The p is the share of signs whose sum is at least as far from 0 as the data's: of
    all signs, where these are at most `samples`; else of random ones and the data's own.

    Args:
        sums_C: Each cluster's weighted sum of differences.
        seed: Of the random signs.
        samples: Number of random signs.
    """
    far = abs(float(sums_C.sum())) * (1 - 1e-9) - 1e-15
    changed = sums_C[sums_C != 0]
    if 2 ** len(changed) <= samples:
        signs_RC = np.array(list(product((-1.0, 1.0), repeat=len(changed))))
        return float(np.mean(np.abs(signs_RC @ changed) >= far)) if len(changed) else 1.0
    flipped_R = np.abs(_signs(len(sums_C), seed, samples) @ sums_C)
    return (int(np.count_nonzero(flipped_R >= far)) + 1) / (samples + 1)


@lru_cache(maxsize=1)  # all comparisons of a group share the signs
def _signs(clusters: int, seed: int, samples: int) -> Floats:
    """Random signs, `[samples, clusters]`."""
    drawn_RC = np.random.default_rng(seed).integers(0, 2, (samples, clusters), dtype=np.int8)
    signs_RC: Floats = 2.0 * drawn_RC.astype(np.float64) - 1.0
    return signs_RC


def bootstrap_p(differences_R: Floats) -> float:
    """A two-sided p of a difference from its bootstrap samples, never below 2 / (samples + 1)."""
    count = len(differences_R) + 1
    below = (int(np.count_nonzero(differences_R <= 0)) + 1) / count
    above = (int(np.count_nonzero(differences_R >= 0)) + 1) / count
    return min(1.0, 2 * min(below, above))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's corrected p of each of several tests."""
    corrected = [0.0] * len(ps)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = largest
    return corrected


def smallest_significant(items: int, level: float = LEVEL) -> float | None:
    """The smallest difference of two shares that McNemar's test can call significant.

    It is reached where all items that tell the two methods apart speak for the same one.

    Returns:
        The difference, 0 to 1; None where no result of so few items is significant.
    """
    needed = 1
    while mcnemar(needed, 0) > level:
        needed += 1
    return needed / items if needed <= items else None


def detectable(items: int, discordant: float, level_z: float = Z_95) -> float | None:
    """The difference of two shares that a paired test finds in four of five runs.

    Solves Connor's (1987) sample size, `n = ((z √d + z' √(d - D²)) / D)²`, for the difference D.

    Args:
        items: Number of items, n.
        discordant: Share of the items that one of the two methods alone has right, d.
        level_z: Normal quantile of the level, z.

    Returns:
        The difference, 0 to `discordant`; None where even the largest is not found so often.
    """
    if discordant <= 0 or _needed(discordant, discordant, level_z) > items:
        return None
    low, high = 0.0, discordant
    for _ in range(60):
        middle = (low + high) / 2
        if _needed(discordant, middle, level_z) > items:
            low = middle
        else:
            high = middle
    return high


def _needed(discordant: float, difference: float, level_z: float) -> float:
    if difference == 0:
        return math.inf
    spread = math.sqrt(max(0.0, discordant - difference**2))
    return ((level_z * math.sqrt(discordant) + _Z_80 * spread) / difference) ** 2


def detectable_mean(differences_R: Floats) -> float:
    """The difference of two means that a paired test finds in four of five runs.

    Args:
        differences_R: Bootstrap samples of the difference; their spread is its standard error.
    """
    return (Z_95 + _Z_80) * float(np.std(differences_R))
