"""Methods compared on the same items: differences to a reference, ranks, and ties with the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.benchmark.comparisons.hypothesis_tests import (
    LEVEL,
    bootstrap_p,
    detectable,
    detectable_mean,
    holm,
    mcnemar,
    sign_flip,
    smallest_significant,
)
from analysis.benchmark.statistics import (
    RESAMPLES,
    Floats,
    Interval,
    interval,
    resampled_means,
)

Measure = Literal["both", "right", "loss"]


@dataclass(frozen=True)
class Scores:
    """The scores of several methods on the same items.

    Attributes:
        measure: `both` and `right` are 0 or 1, higher is better; `loss` is in nats, lower is
            better.
        methods: Names of the methods.
        values_NM: One row for each item, one column for each method.
        clusters: Each item's cluster.
        weights_N: Each item's weight in means; None for equal weights.
        pooled: Whether the items are of several tasks, which may share clusters.
    """

    measure: Measure
    methods: tuple[str, ...]
    values_NM: Floats
    clusters: tuple[str, ...]
    weights_N: Floats | None = None
    pooled: bool = False

    @property
    def means_M(self) -> Floats:
        """Each method's mean."""
        return np.average(self.values_NM, axis=0, weights=self.weights_N)


@dataclass(frozen=True)
class Difference:
    """The difference of a method to the reference.

    Attributes:
        method: Name of the method.
        difference: Mean of the method less that of the reference, with its 95 % interval by paired
            bootstrap over clusters. Shares are 0 to 1, losses in nats per token.
        p: For shares of the exact McNemar test, or over several tasks of signs flipped by cluster,
            which weighs tasks and keeps clusters together as the interval does; for losses of the
            paired bootstrap.
        p_holm: The same, corrected for all methods compared; None for a method outside the
            correction.
        better: Items on which the method is better than the reference.
        worse: Items on which it is worse.
        detectable: The difference that so many items find in four of five runs; None where even
            the largest possible is not found so often.
    """

    method: str
    difference: Interval
    p: float
    p_holm: float | None
    better: int
    worse: int
    detectable: float | None


@dataclass(frozen=True)
class Comparison:
    """Methods compared by one measure.

    Attributes:
        measure: `both`, `right` or `loss`.
        reference: The method that the other methods are compared with.
        items: Number of items.
        clusters: Number of their clusters.
        smallest: The smallest difference of two shares that so many items can call significant;
            None for losses, over several tasks, and where there are too few items.
        differences: One for each method but the reference.
        first: For each ranked method the share of bootstrap samples in which it is the best; equal
            methods share a sample.
        best: The ranked method with the best mean.
        tied: The ranked methods that are not significantly worse than the best, itself included.
    """

    measure: Measure
    reference: str
    items: int
    clusters: int
    smallest: float | None
    differences: tuple[Difference, ...]
    first: dict[str, float]
    best: str
    tied: tuple[str, ...]


def compare(
    scores: Scores,
    reference: str,
    ranked: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compares methods with a reference and with one another.

    Args:
        scores: The scores; none is missing.
        reference: A method of the scores.
        ranked: The methods that take part in ranks and in the correction for many tests; other
            methods, such as oracles, are compared with the reference alone.
        seed: Of the bootstrap.
        resamples: Number of bootstrap samples.
    """
    sign = -1.0 if scores.measure == "loss" else 1.0
    samples_RM = resampled_means(
        scores.values_NM, scores.clusters, scores.weights_N, seed=seed, resamples=resamples
    )
    names = [name for name in scores.methods if name in ranked]
    columns = [scores.methods.index(name) for name in names]
    ranked_RM = sign * samples_RM[:, columns]
    winners_RM = ranked_RM >= ranked_RM.max(axis=1, keepdims=True) - 1e-12
    first_M = (winners_RM / winners_RM.sum(axis=1, keepdims=True)).mean(axis=0)
    best = names[int(np.argmax(sign * scores.means_M[columns]))]
    to_best = _differences(scores, samples_RM, best, ranked, names, seed)
    worse = {
        found.method
        for found in to_best
        # McNemar's test takes items for independent; the interval knows their clusters.
        if (found.p_holm or 0.0) < LEVEL and not found.difference.holds_zero
    }
    binary = scores.measure != "loss"
    return Comparison(
        measure=scores.measure,
        reference=reference,
        items=len(scores.clusters),
        clusters=len(set(scores.clusters)),
        smallest=smallest_significant(len(scores.clusters))
        if binary and not scores.pooled
        else None,
        differences=_differences(scores, samples_RM, reference, ranked, scores.methods, seed),
        first={name: float(value) for name, value in zip(names, first_M, strict=True)},
        best=best,
        tied=tuple(name for name in names if name not in worse),
    )


def _differences(
    scores: Scores,
    samples_RM: Floats,
    reference: str,
    ranked: Sequence[str],
    names: Sequence[str],
    seed: int,
) -> tuple[Difference, ...]:
    compared = [name for name in names if name != reference]
    found = [_difference(scores, samples_RM, reference, name, seed) for name in compared]
    tested = [one for one in found if one.method in ranked]
    corrected = dict(
        zip((one.method for one in tested), holm([one.p for one in tested]), strict=True)
    )
    return tuple(replace(one, p_holm=corrected.get(one.method)) for one in found)


def _difference(
    scores: Scores, samples_RM: Floats, reference: str, name: str, seed: int
) -> Difference:
    of, to = scores.methods.index(name), scores.methods.index(reference)
    items_N = scores.values_NM[:, of] - scores.values_NM[:, to]
    samples_R = samples_RM[:, of] - samples_RM[:, to]
    clusters = len(set(scores.clusters))
    single = clusters < 2  # one cluster tells nothing about the spread between clusters
    higher, lower = int((items_N > 0).sum()), int((items_N < 0).sum())
    better, worse = higher, lower
    if scores.measure == "loss":
        better, worse = lower, higher
        p = 1.0 if single else bootstrap_p(samples_R)
        found = None if single else detectable_mean(samples_R)
    elif scores.pooled:
        p = sign_flip(_cluster_sums(scores, items_N), seed, len(samples_R))
        found = None if single or higher + lower == 0 else detectable_mean(samples_R)
    else:
        p = mcnemar(higher, lower)
        found = detectable(len(items_N), (higher + lower) / len(items_N))
    return Difference(
        method=name,
        difference=interval(float(scores.means_M[of] - scores.means_M[to]), samples_R, clusters),
        p=p,
        p_holm=None,
        better=better,
        worse=worse,
        detectable=found,
    )


def _cluster_sums(scores: Scores, items_N: Floats) -> Floats:
    """Each cluster's weighted sum of its items' differences, `[C]`."""
    _, of_item_N = np.unique(np.array(scores.clusters), return_inverse=True)
    weights_N = np.ones(len(items_N)) if scores.weights_N is None else scores.weights_N
    sums_C: Floats = np.bincount(of_item_N, weights=weights_N * items_N).astype(np.float64)
    return sums_C
