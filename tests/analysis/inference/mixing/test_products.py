"""The way of products with few states: chosen by its time, the same numbers either way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import analysis.inference.mixing.products
from analysis.inference.mixing.products import (
    padded_is_faster,
    product,
    transposed_is_faster,
)

WEIGHT_MD = torch.linspace(-1, 1, 60, dtype=torch.float64).view(12, 5)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 15, 16])
@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_all_ways_give_the_product(count: int, transposed: bool, padded: bool) -> None:
    states_ND = torch.linspace(0, 2, 5 * count, dtype=torch.float64).view(count, 5)
    expected_NM = torch.einsum("nd,md->nm", states_ND, WEIGHT_MD)
    torch.testing.assert_close(
        product(states_ND, WEIGHT_MD, transposed=transposed, padded=padded), expected_NM
    )


@pytest.mark.parametrize(("count", "multiplied"), [(7, 7), (8, 16), (15, 16), (16, 16)])
def test_some_states_are_multiplied_as_sixteen(
    count: int, multiplied: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def matmul(self: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        seen.append(len(self))
        return torch.matmul(self, other)

    monkeypatch.setattr(torch.Tensor, "__matmul__", matmul)
    states_ND = torch.ones(count, 5, dtype=torch.float64)
    assert product(states_ND, WEIGHT_MD, padded=True).shape == (count, 12)
    assert product(states_ND, WEIGHT_MD).shape == (count, 12)
    assert seen == [multiplied, count]


@pytest.mark.parametrize(("seconds", "faster"), [(0.25, True), (0.9, False), (1.4, False)])
@pytest.mark.parametrize(
    ("is_faster", "way", "count"),
    [(transposed_is_faster, (True, False), 4), (padded_is_faster, (False, True), 12)],
)
def test_another_way_is_taken_where_it_was_clearly_faster(
    seconds: float,
    faster: bool,
    is_faster: Callable[[torch.Tensor], bool],
    way: tuple[bool, bool],
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = 0.0

    def timed(
        states_ND: torch.Tensor,
        weight_MD: torch.Tensor,
        *,
        transposed: bool = False,
        padded: bool = False,
    ) -> torch.Tensor:
        nonlocal clock
        # As many as there are of which the ways differ.
        assert len(states_ND) == count
        clock += seconds if (transposed, padded) == way else 1.0
        return states_ND

    monkeypatch.setattr(analysis.inference.mixing.products, "perf_counter", lambda: clock)
    monkeypatch.setattr(analysis.inference.mixing.products, "product", timed)
    monkeypatch.setattr(analysis.inference.mixing.products, "TIMED_ROWS", len(WEIGHT_MD))
    assert is_faster(WEIGHT_MD) is faster
    # What is in the cache anyway is not worth the time.
    assert not is_faster(WEIGHT_MD[:-1])
