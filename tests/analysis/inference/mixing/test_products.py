"""The order of products with few states: chosen by its time, the same numbers either way."""

from __future__ import annotations

import pytest
import torch

import analysis.inference.mixing.products
from analysis.inference.mixing.products import product, transposed_is_faster

WEIGHT_MD = torch.linspace(-1, 1, 60, dtype=torch.float64).view(12, 5)


@pytest.mark.parametrize("count", [1, 8, 9])
@pytest.mark.parametrize("transposed", [True, False])
def test_both_orders_give_the_product(count: int, transposed: bool) -> None:
    states_ND = torch.linspace(0, 2, 5 * count, dtype=torch.float64).view(count, 5)
    expected_NM = torch.einsum("nd,md->nm", states_ND, WEIGHT_MD)
    torch.testing.assert_close(product(states_ND, WEIGHT_MD, transposed), expected_NM)


@pytest.mark.parametrize(("seconds", "faster"), [(0.25, True), (0.9, False), (1.4, False)])
def test_few_states_are_transposed_where_that_was_clearly_faster(
    seconds: float, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0

    def timed(states_ND: torch.Tensor, weight_MD: torch.Tensor, transposed: bool) -> torch.Tensor:
        nonlocal clock
        clock += seconds if transposed else 1.0
        return states_ND

    monkeypatch.setattr(analysis.inference.mixing.products, "perf_counter", lambda: clock)
    monkeypatch.setattr(analysis.inference.mixing.products, "product", timed)
    monkeypatch.setattr(analysis.inference.mixing.products, "TIMED_ROWS", len(WEIGHT_MD))
    assert transposed_is_faster(WEIGHT_MD) is faster
    # What is in the cache anyway is not worth the time.
    assert not transposed_is_faster(WEIGHT_MD[:-1])
