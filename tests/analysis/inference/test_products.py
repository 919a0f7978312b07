"""The order of products with few states: chosen by its time, the same numbers either way."""

from __future__ import annotations

import pytest
import torch

import analysis.inference.products
from analysis.inference.products import product, turned_is_faster

WEIGHT_MD = torch.linspace(-1, 1, 60, dtype=torch.float64).view(12, 5)


@pytest.mark.parametrize("count", [1, 8, 9])
@pytest.mark.parametrize("turned", [True, False])
def test_both_orders_give_the_product(count: int, turned: bool) -> None:
    states_ND = torch.linspace(0, 2, 5 * count, dtype=torch.float64).view(count, 5)
    expected_NM = torch.einsum("nd,md->nm", states_ND, WEIGHT_MD)
    torch.testing.assert_close(product(states_ND, WEIGHT_MD, turned), expected_NM)


@pytest.mark.parametrize(("seconds", "faster"), [(0.25, True), (0.9, False), (1.4, False)])
def test_few_states_are_turned_where_that_was_clearly_faster(
    seconds: float, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0

    def timed(states_ND: torch.Tensor, weight_MD: torch.Tensor, turned: bool) -> torch.Tensor:
        nonlocal clock
        clock += seconds if turned else 1.0
        return states_ND

    monkeypatch.setattr(analysis.product, "perf_counter", lambda: clock)
    monkeypatch.setattr(analysis.product, "product", timed)
    monkeypatch.setattr(analysis.product, "_TIMED_ROWS", len(WEIGHT_MD))
    assert turned_is_faster(WEIGHT_MD) is faster
    # What is in the cache anyway is not worth the time.
    assert not turned_is_faster(WEIGHT_MD[:-1])
