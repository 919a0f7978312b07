"""Invariant 3: weights are shares."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.common.errors import InputError
from analysis.measure.normalisation import NORMALISATIONS, normalise, weigh


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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sum", [[0.1, 0.9], [0.5, 0.5]]),
        ("root", [[0.25, 0.75], [0.5, 0.5]]),
        ("softmax", [[1 / (1 + math.exp(4)), 1 / (1 + math.exp(-4))], [0.5, 0.5]]),
        ("top-1", [[0.0, 1.0], [0.5, 0.5]]),
        ("mixed", [[0.3, 0.7], [0.5, 0.5]]),
    ],
)
def test_normalisations_by_hand(name: str, expected: list[list[float]]) -> None:
    weights_LK = weigh(torch.tensor([[0.5, 4.5], [0.0, 0.0]]), name)
    assert torch.allclose(weights_LK, torch.tensor(expected, dtype=torch.float64))


@settings(max_examples=100)
@given(
    name=st.sampled_from(sorted(NORMALISATIONS)),
    divergence=st.lists(st.floats(0, 1e4), min_size=1, max_size=6),
    temperature=st.floats(1e-3, 1e3),
)
def test_every_normalisation_gives_shares(
    name: str, divergence: list[float], temperature: float
) -> None:
    weights_LK = weigh(torch.tensor([divergence]), name, temperature)
    assert weights_LK.dtype == torch.float64
    assert bool((weights_LK >= 0).all())
    assert float(weights_LK.sum()) == pytest.approx(1.0)


def test_what_no_normalisation_takes_is_refused() -> None:
    divergence_LK = torch.ones(1, 2)
    with pytest.raises(InputError, match=r"'most'.*sum.*softmax"):
        weigh(divergence_LK, "most")
    for temperature in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match=str(temperature)):
            weigh(divergence_LK, "softmax", temperature)


_TABLES = st.lists(
    st.lists(st.floats(0, 1e300), min_size=3, max_size=3), min_size=1, max_size=5
).map(lambda rows: torch.tensor(rows, dtype=torch.float64))


@pytest.mark.parametrize("name", NORMALISATIONS)
@given(divergence_LK=_TABLES, temperature=st.floats(1e-3, 1e3))
def test_whole_tables_become_shares(
    name: str, divergence_LK: torch.Tensor, temperature: float
) -> None:
    weights_LK = weigh(divergence_LK, name, temperature)
    assert bool((weights_LK >= 0).all())
    torch.testing.assert_close(weights_LK.sum(dim=1), torch.ones(len(weights_LK)).double())


def test_normalisations_of_a_table_by_hand() -> None:
    table = torch.tensor([[1.0, 4.0], [2.0, 2.0]])
    assert weigh(table, "sum").tolist() == [[0.2, 0.8], [0.5, 0.5]]
    assert weigh(table, "root").tolist() == [[1 / 3, 2 / 3], [0.5, 0.5]]
    assert weigh(table, "top-1").tolist() == [[0.0, 1.0], [0.5, 0.5]]
    torch.testing.assert_close(weigh(table, "mixed"), (normalise(table) + 0.5) / 2)
    soft = torch.tensor([[1.0, 4.0]]).double().div(2).softmax(1)
    torch.testing.assert_close(weigh(table, "softmax", 2.0)[:1], soft)
    with pytest.raises(InputError, match="There is no normalisation 'nope'"):
        weigh(table, "nope")
    with pytest.raises(InputError, match="temperature is 0"):
        weigh(table, "softmax", 0.0)
