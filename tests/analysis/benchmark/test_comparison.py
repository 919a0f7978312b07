"""Tests and comparisons: closed forms, examples by hand, and what must hold of any data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.benchmark.comparisons.comparison import Comparison, Measure, Scores, compare
from analysis.benchmark.comparisons.hypothesis_tests import (
    bootstrap_p,
    detectable,
    detectable_mean,
    holm,
    mcnemar,
    sign_flip,
    smallest_significant,
)

NAMES = ("static", "good", "bad")


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (6, 0, 2 / 2**6),
        (1, 7, 2 * (1 + 8) / 2**8),
        (2, 10, 2 * (1 + 12 + 66) / 2**12),
        (3, 4, 1.0),
    ],
)
def test_mcnemar_by_hand(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)
    assert mcnemar(second, first) == mcnemar(first, second)


@given(first=st.integers(0, 300), second=st.integers(0, 300))
def test_mcnemar_is_a_p_and_falls_with_the_difference(first: int, second: int) -> None:
    p = mcnemar(first, second)
    assert 0 <= p <= 1
    if first >= second:
        assert mcnemar(first + 1, max(second - 1, 0)) <= p + 1e-12


def test_overlapping_wilson_intervals_may_hide_a_settled_difference() -> None:
    # 22 and 35 of the same 100: with 13 items for one method and none for the other.
    assert mcnemar(13, 0) < 0.001


def test_holm_by_hand() -> None:
    # Holm (1979): 4 x 0.005, 3 x 0.01, 2 x 0.03, 1 x 0.04 raised to the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_stays_between_p_and_bonferroni(ps: list[float]) -> None:
    corrected = holm(ps)
    for p, found in zip(ps, corrected, strict=True):
        assert p - 1e-12 <= found <= min(1.0, len(ps) * p) + 1e-12
    order = sorted(range(len(ps)), key=lambda place: ps[place])
    assert [corrected[place] for place in order] == sorted(corrected)


def test_the_smallest_significant_difference_needs_six_items() -> None:
    assert smallest_significant(100) == pytest.approx(0.06)
    assert smallest_significant(6) == 1.0
    assert smallest_significant(5) is None


@given(items=st.integers(30, 2000), discordant=st.floats(0.05, 1.0))
def test_the_detectable_difference_solves_connors_formula(items: int, discordant: float) -> None:
    found = detectable(items, discordant)
    if found is None:
        return
    assert 0 < found <= discordant
    root, rest = math.sqrt(discordant), math.sqrt(max(0.0, discordant - found**2))
    needed = ((1.959963984540054 * root + 0.8416212335729143 * rest) / found) ** 2
    assert needed == pytest.approx(items, rel=1e-6)


def test_no_difference_is_detectable_where_all_answers_agree() -> None:
    assert detectable(100, 0.0) is None
    assert detectable(4, 0.5) is None


def test_bootstrap_p_counts_samples_on_either_side() -> None:
    differences_R = np.array([0.1] * 95 + [-0.1] * 4)
    assert bootstrap_p(differences_R) == pytest.approx(2 * 5 / 100)
    assert bootstrap_p(-differences_R) == bootstrap_p(differences_R)
    assert bootstrap_p(np.zeros(9)) == 1.0
    assert detectable_mean(np.array([-1.0, 1.0])) == pytest.approx(2.8015852)


def test_signs_of_few_clusters_are_all_counted() -> None:
    assert sign_flip(np.array([1.0, 1.0, 1.0, 0.0])) == 2 / 2**3
    # |±3 ±1 ±1| >= 3: only the two that agree with 3 in sum 3 or more, of each sign.
    assert sign_flip(np.array([3.0, 1.0, -1.0])) == 6 / 2**3
    assert sign_flip(np.zeros(4)) == 1.0


def test_many_clusters_of_one_item_give_mcnemars_p() -> None:
    sums_C = np.array([1.0] * 19 + [-1.0] * 6 + [0.0] * 100)
    assert sign_flip(sums_C, samples=40_000) == pytest.approx(mcnemar(19, 6), abs=0.003)
    assert sign_flip(np.ones(60)) == pytest.approx(1 / 10_001)


def test_translations_of_one_item_count_once_over_several_tasks() -> None:
    # Three translations of each of two problems, all better: two clusters prove nothing.
    values_NM = np.array([[0.0, 1.0]] * 6)
    clusters = ("p", "q") * 3
    names = ("static", "good")
    single = compare(Scores("both", names, values_NM, clusters), "static", names)
    pooled = compare(Scores("both", names, values_NM, clusters, pooled=True), "static", names)
    assert single.differences[0].p == pytest.approx(2 / 2**6)
    assert pooled.differences[0].p == pytest.approx(2 / 2**2)
    assert pooled.smallest is None and single.smallest == 1.0


def test_tasks_weigh_the_same_in_the_test_over_several() -> None:
    # Better on 3 of 3 items of a small task, worse on 5 of 30 of a large one.
    values_NM = np.array([[0.0, 1.0]] * 3 + [[1.0, 0.0]] * 5 + [[0.0, 0.0]] * 25)
    clusters = tuple(str(place) for place in range(33))
    weights_N = np.array([1 / 3] * 3 + [1 / 30] * 30)
    names = ("static", "good")
    found = compare(
        Scores("both", names, values_NM, clusters, weights_N, pooled=True), "static", names
    ).differences[0]
    # In thirtieths: 10 for each item of the small task, 1 for each of the large one.
    signs = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1)
    sums = np.abs(np.array([10.0] * 3 + [1.0] * 5) @ signs)
    assert found.p == pytest.approx(float(np.mean(sums >= 25)))
    assert found.p < mcnemar(3, 5) and found.difference.value > 0


def compared(values: list[list[float]], measure: Measure = "both", **more: object) -> Comparison:
    values_NM = np.array(values, dtype=np.float64)
    clusters = tuple(str(place) for place in range(len(values)))
    scores = Scores(measure, NAMES, values_NM, clusters)
    return compare(scores, "static", NAMES, seed=1, resamples=2000)


def test_a_clear_winner() -> None:
    found = compared([[0, 1, 0]] * 20 + [[1, 1, 0]] * 10)
    good, bad = found.differences
    assert (good.method, good.better, good.worse) == ("good", 20, 0)
    assert good.difference.value == pytest.approx(2 / 3)
    assert good.p == pytest.approx(2 / 2**20)
    assert good.p_holm == pytest.approx(2 * good.p)
    assert (bad.better, bad.worse) == (0, 10)
    assert bad.p_holm == pytest.approx(2 / 2**10)
    assert found.best == "good" and found.tied == ("good",)
    assert found.first["good"] == pytest.approx(1.0)
    assert found.smallest == pytest.approx(0.2)
    assert found.items == found.clusters == 30


def test_equal_methods_share_the_first_rank_and_are_tied() -> None:
    found = compared([[1, 1, 0]] * 15 + [[0, 0, 0]] * 5)
    assert found.first == pytest.approx({"static": 0.5, "good": 0.5, "bad": 0.0})
    assert found.tied == ("static", "good")
    assert found.differences[0].detectable is None


def test_a_lower_loss_is_better() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.05, size=(40, 3))
    found = compared((np.array([2.0, 1.0, 3.0]) + noise).tolist(), "loss")
    assert found.best == "good" and found.tied == ("good",)
    good, bad = found.differences
    assert good.difference.value == pytest.approx(-1.0, abs=0.05)
    assert (good.better, good.worse, bad.better, bad.worse) == (40, 0, 0, 40)
    assert good.p == pytest.approx(2 / 2001)
    assert found.smallest is None


def test_an_oracle_is_compared_but_neither_ranked_nor_corrected() -> None:
    values_NM = np.array([[0, 0, 1]] * 10, dtype=np.float64)
    clusters = tuple(str(place) for place in range(10))
    scores = Scores("both", ("static", "other", "oracle"), values_NM, clusters)
    found = compare(scores, "static", ("static", "other"), resamples=2000)
    assert set(found.first) == {"static", "other"} == set(found.tied)
    other, oracle = found.differences
    assert oracle.p_holm is None and oracle.p == pytest.approx(2 / 2**10)
    assert other.p_holm == 1.0


def test_items_of_one_cluster_do_not_settle_a_difference() -> None:
    # The same problem twenty times is one problem, whatever the test for single items says.
    values_NM = np.array([[0, 1, 0]] * 20 + [[1, 0, 0]], dtype=np.float64)
    clusters = ("same",) * 20 + ("another",)
    scores = Scores("both", NAMES, values_NM, clusters)
    found = compare(scores, "static", NAMES, resamples=2000)
    good = found.differences[0]
    assert good.p < 0.001 and good.difference.holds_zero
    assert set(found.tied) >= {"good", "static"}


def test_weights_give_each_task_the_same_say() -> None:
    values_NM = np.array([[0.0, 1.0, 0.0]] * 2 + [[1.0, 0.0, 0.0]] * 8)
    weights_N = np.array([1 / 2] * 2 + [1 / 8] * 8)
    clusters = tuple(str(place) for place in range(10))
    scores = Scores("both", NAMES, values_NM, clusters, weights_N)
    found = compare(scores, "static", NAMES, resamples=2000)
    assert found.differences[0].difference.value == pytest.approx(0.0)


@given(
    outcomes=st.lists(
        st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=2, max_size=25
    )
)
def test_what_holds_of_every_comparison(outcomes: list[tuple[bool, bool, bool]]) -> None:
    values_NM = np.array(outcomes, dtype=np.float64)
    clusters = tuple(str(place // 2) for place in range(len(outcomes)))
    scores = Scores("both", NAMES, values_NM, clusters)
    found = compare(scores, "static", NAMES, resamples=200)
    assert found == compare(scores, "static", NAMES, resamples=200)
    assert sum(found.first.values()) == pytest.approx(1.0)
    assert found.best in found.tied
    for one in found.differences:
        assert one.difference.value == pytest.approx((one.better - one.worse) / len(outcomes))
        assert one.p_holm is not None and one.p <= one.p_holm <= 1
