"""Uncertainty of one method's score, and the resampling that all intervals share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
RESAMPLES = 10_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """How many of how many, with a 95 % Wilson interval.

    Attributes:
        right: The number of those that count.
        of: The number of all.
        low: Lower end of the interval of the share, 0 to 1.
        high: Its upper end.
    """

    right: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share, 0 to 1; 0 of nothing."""
        return self.right / self.of if self.of else 0.0


@dataclass(frozen=True)
class Interval:
    """A number with a 95 % interval.

    Attributes:
        value: The number.
        low: Lower end of the interval; None where one cluster alone gives no interval.
        high: Its upper end, or None.
    """

    value: float
    low: float | None
    high: float | None

    @property
    def holds_zero(self) -> bool:
        """Whether 0 is in the interval; an interval that is not known may hold it."""
        return self.low is None or self.high is None or self.low <= 0 <= self.high


def share(outcomes: Iterable[bool]) -> Share:
    """The share of outcomes that are true, with its interval."""
    seen = list(outcomes)
    low, high = wilson(sum(seen), len(seen))
    return Share(sum(seen), len(seen), low, high)


def wilson(right: int, of: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share, which holds up near 0 and 1 (Wilson 1927).

    Raises:
        ValueError: `right` is not between 0 and `of`.
    """
    if not 0 <= right <= of:
        raise ValueError(f"{right} of {of} is no share")
    if of == 0:
        return 0.0, 1.0
    p = right / of
    scale = 1 + z * z / of
    middle = (p + z * z / (2 * of)) / scale
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / scale
    # At the ends the formula gives exactly 0 and 1, but for round-off.
    return (0.0 if right == 0 else middle - half), (1.0 if right == of else middle + half)


def resampled_means(
    values_NM: Floats,
    clusters: Sequence[str],
    weights_N: Floats | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Floats:
    """Means over items in bootstrap samples of whole clusters.

    Each sample draws as many clusters as there are, with replacement, and takes all their items.
    All columns share the samples, so that the difference of two columns is paired.

    Args:
        values_NM: The items' values, one column for each method.
        clusters: Each item's cluster.
        weights_N: Each item's weight in the mean; the same for all by default.
        seed: Of the samples.
        resamples: Number of samples.

    Returns:
        The weighted means, `[resamples, M]`.
    """
    names = sorted(set(clusters))
    place = {name: index for index, name in enumerate(names)}
    of_item_N = np.array([place[name] for name in clusters], dtype=np.int64)
    weights_N = np.ones(len(clusters)) if weights_N is None else weights_N
    sums_CM = np.zeros((len(names), values_NM.shape[1]))
    np.add.at(sums_CM, of_item_N, weights_N[:, None] * values_NM)
    weights_C = np.bincount(of_item_N, weights=weights_N, minlength=len(names))
    drawn_RC = _drawn(len(names), seed, resamples)
    means_RM: Floats = (drawn_RC @ sums_CM) / (drawn_RC @ weights_C)[:, None]
    return means_RM


@lru_cache(maxsize=1)  # all comparisons of a task share the samples
def _drawn(clusters: int, seed: int, resamples: int) -> Floats:
    """How often each bootstrap sample holds each cluster, `[resamples, clusters]`."""
    drawn_RC: Floats = (
        np.random.default_rng(seed)
        .multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples)
        .astype(np.float64)
    )
    return drawn_RC


def interval(value: float, resampled_R: Floats, clusters: int) -> Interval:
    """A number with the middle 95 % of its bootstrap samples.

    Args:
        value: The number in the data.
        resampled_R: The number in each sample.
        clusters: Number of clusters; one cluster alone gives no interval.
    """
    if clusters < 2:
        return Interval(value, None, None)
    low, high = np.quantile(resampled_R, (0.025, 0.975))
    return Interval(value, float(low), float(high))


def mean_interval(
    values_N: Floats, clusters: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """A mean over items with its 95 % interval by bootstrap over clusters."""
    samples_R = resampled_means(values_N[:, None], clusters, seed=seed, resamples=resamples)[:, 0]
    return interval(float(values_N.mean()), samples_R, len(set(clusters)))
