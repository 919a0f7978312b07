"""The calibrated method: which adapters it chooses, by hand and in general."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.inference.mixing.policies import ConstantWeights
from analysis.methods import fuse
from analysis.methods.from_query.qa_flora_calibrated import calibrated_weights
from tests import tiny

KINDS = ("task", "language", "task", "language")


def weights(divergence: list[float], usual: list[float], kinds: tuple[str, ...] = KINDS) -> list:
    return calibrated_weights(
        torch.tensor(divergence, dtype=torch.float64),
        torch.tensor(usual, dtype=torch.float64),
        kinds,
    ).tolist()


def test_the_leaders_of_both_kinds_share_equally() -> None:
    # The language's score: 0.2 / √(0.1 · 2) = 0.45.
    assert weights([2.0, 0.2, 0.1, 0.0], [0.2, 0.1, 0.2, 0.1]) == [0.5, 0.5, 0.0, 0.0]


def test_a_leader_below_the_threshold_is_left_out() -> None:
    # The language's score: 0.1 / √(0.1 · 2) = 0.22, although it is as large as it usually is.
    assert weights([2.0, 0.1, 0.1, 0.0], [0.2, 0.1, 0.2, 0.1]) == [1.0, 0.0, 0.0, 0.0]


def test_the_threshold_itself_is_enough() -> None:
    # 0.7 / √(2 · 2) = 0.35.
    assert weights([2.0, 0.7, 0.0, 0.0], [1.0, 2.0, 1.0, 1.0]) == [0.5, 0.5, 0.0, 0.0]


def test_the_largest_is_chosen_even_where_it_is_small_for_itself() -> None:
    assert weights([0.01, 0.0, 0.0, 0.0], [5.0, 1.0, 1.0, 1.0]) == [1.0, 0.0, 0.0, 0.0]


def test_copies_of_an_adapter_share_the_part_of_their_kind() -> None:
    kinds = ("task", "task", "language")
    assert weights([1.0, 1.0 + 1e-6, 0.9], [0.1, 0.1, 0.1], kinds) == [0.25, 0.25, 0.5]


def test_adapters_of_no_kind_stand_for_themselves() -> None:
    found = weights([1.0, 0.9, 0.01], [0.1, 0.1, 0.1], ("other", "other", "other"))
    assert found == [0.5, 0.5, 0.0]


def test_a_query_that_moves_nothing_gives_equal_shares() -> None:
    assert weights([0.0] * 4, [0.1] * 4) == [0.25] * 4
    assert weights([0.0] * 4, [0.0] * 4) == [0.25] * 4


def test_an_adapter_that_no_neutral_query_moves_is_chosen_once_it_speaks() -> None:
    assert weights([1.0, 0.001, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]) == [0.5, 0.5, 0.0, 0.0]


NUMBERS = st.lists(st.floats(0, 1e3), min_size=4, max_size=4)


@given(NUMBERS, NUMBERS)
def test_weights_are_shares_and_follow_no_unit(divergence: list[float], usual: list[float]) -> None:
    found = weights(divergence, usual)
    assert sum(found) == pytest.approx(1.0) and min(found) >= 0
    # A power of two: the numbers keep all their digits.
    assert weights([4 * one for one in divergence], [4 * one for one in usual]) == found


def test_it_reads_the_engines_divergence_and_baseline(tmp_path: Path) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    context = engine.context(engine.prompt("How many apples?"))
    (row,) = fuse(["qa-flora-calibrated"], context)
    assert isinstance(row.policy, ConstantWeights)
    divergence_K = context.divergence().mean(dim=0)
    usual_K = context.baseline().mean_LK.mean(dim=0)
    score_K = divergence_K / (usual_K * divergence_K.max()).sqrt()
    chosen_K = (score_K >= 0.35) | (divergence_K == divergence_K.max())
    expected_K = chosen_K.double() / chosen_K.sum()
    assert torch.allclose(row.policy.weights_LK, expected_K.expand(engine.layers, -1))
