"""Intervals: published ones, closed forms, and what must hold of any data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.benchmark.statistics import (
    Interval,
    interval,
    mean_interval,
    resampled_means,
    share,
    wilson,
)


def test_wilson_is_the_published_interval() -> None:
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for right, of, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson(right, of) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


@given(of=st.integers(1, 500), data=st.data())
def test_wilson_holds_the_share(of: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, of))
    low, high = wilson(right, of)
    assert 0 <= low <= right / of <= high <= 1
    mirrored = wilson(of - right, of)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high))


def test_a_share_counts() -> None:
    found = share([True, False, True, True])
    assert (found.right, found.of, found.value) == (3, 4, 0.75)


def test_the_spread_of_resampled_means_is_the_closed_form() -> None:
    # One item a cluster: the variance of a bootstrap mean is the data's variance over n.
    values_N = np.random.default_rng(3).normal(size=80)
    clusters = [str(place) for place in range(80)]
    samples_R = resampled_means(values_N[:, None], clusters, seed=1, resamples=20_000)[:, 0]
    assert samples_R.mean() == pytest.approx(values_N.mean(), abs=0.005)
    assert samples_R.std() == pytest.approx(values_N.std() / math.sqrt(80), rel=0.02)


def test_whole_clusters_are_drawn() -> None:
    # Ten copies of each of six values: as uncertain as six items, not as sixty.
    values = np.arange(6.0)
    clusters = [str(place) for place in range(6)]
    once = resampled_means(values[:, None], clusters, seed=2)
    tenfold = np.repeat(values, 10)[:, None]
    often = resampled_means(tenfold, np.repeat(clusters, 10).tolist(), seed=2)
    assert often == pytest.approx(once)
    alone = resampled_means(tenfold, [str(place) for place in range(60)], seed=2)
    assert alone.std() < once.std() / 2.5


def test_two_clusters_by_hand() -> None:
    # Samples: both a (1/4) gives 0, one of each (1/2) gives 2/3, both b (1/4) gives 1.
    values_N = np.array([0.0, 1.0, 1.0])
    samples_R = resampled_means(values_N[:, None], ["a", "b", "b"], resamples=40_000)[:, 0]
    found, counts = np.unique(samples_R.round(9), return_counts=True)
    assert found == pytest.approx([0, 2 / 3, 1])
    assert counts / 40_000 == pytest.approx([0.25, 0.5, 0.25], abs=0.01)


def test_weights_count_in_means() -> None:
    values_NM = np.array([[1.0], [0.0]])
    samples_R = resampled_means(values_NM, ["a", "a"], np.array([3.0, 1.0]), resamples=5)
    assert samples_R == pytest.approx(np.full((5, 1), 0.75))


def test_one_cluster_gives_no_interval() -> None:
    found = mean_interval(np.array([1.0, 3.0]), ["a", "a"])
    assert found == Interval(2.0, None, None) and found.holds_zero


@given(
    values=st.lists(st.floats(-5, 5), min_size=2, max_size=30),
    seed=st.integers(0, 5),
)
def test_an_interval_lies_within_the_data_and_follows_from_the_seed(
    values: list[float], seed: int
) -> None:
    clusters = [str(place // 2) for place in range(len(values))]
    values_N = np.array(values)
    found = mean_interval(values_N, clusters, seed=seed, resamples=200)
    assert found == mean_interval(values_N, clusters, seed=seed, resamples=200)
    if len(set(clusters)) > 1:
        assert found.low is not None and found.high is not None
        assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_an_interval_is_the_middle_of_the_samples() -> None:
    samples_R = np.linspace(0, 1, 1001)
    found = interval(0.4, samples_R, 2)
    assert (found.value, found.low, found.high) == pytest.approx((0.4, 0.025, 0.975))
