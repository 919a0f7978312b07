"""Invariant 3: weights are shares."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.weights import normalise


def test_shares_by_hand() -> None:
    weights_LK = normalise(torch.tensor([[1.0, 3.0], [0.5, 0.0]]))
    assert weights_LK.dtype == torch.float64
    assert weights_LK.tolist() == [[0.25, 0.75], [1.0, 0.0]]


@pytest.mark.parametrize("nothing", [0.0, 1e-40])
def test_where_nothing_diverges_all_are_alike(nothing: float) -> None:
    divergence_LK = torch.full((2, 3), nothing, dtype=torch.float64)
    divergence_LK[1] = torch.tensor([0.0, 2.0, 6.0])
    assert normalise(divergence_LK).tolist() == [[1 / 3] * 3, [0.0, 0.25, 0.75]]


def test_one_adapter_has_all_the_weight() -> None:
    assert normalise(torch.tensor([[0.3], [0.0]])).tolist() == [[1.0], [1.0]]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(
            st.just(0.0) | st.floats(0, 1.7e308) | st.floats(0, 1e-20) | st.floats(0, 10),
            min_size=4,
            max_size=4,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_divergences_give_shares(divergence: list[list[float]]) -> None:
    divergence_LK = torch.tensor(divergence, dtype=torch.float64)
    weights_LK = normalise(divergence_LK)
    assert bool((weights_LK >= 0).all())
    assert torch.allclose(weights_LK.sum(dim=1), torch.ones(len(divergence), dtype=torch.float64))
    for weights_K, divergence_K in zip(weights_LK, divergence_LK, strict=True):
        assert weights_K[divergence_K.argmax()] == weights_K.max()  # who diverges most weighs most
