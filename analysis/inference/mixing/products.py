"""Products of states with a matrix that no cache holds, in the order that is faster here."""

from __future__ import annotations

from time import perf_counter

import torch
from torch import Tensor

# With more states than this both orders take about as long.
_FEW = 8
TIMED_ROWS = 32_768


def product(states_ND: Tensor, weight_MD: Tensor, transposed: bool) -> Tensor:
    """`states Wᵀ`, `[n, m]`, not always contiguous.

    Args:
        states_ND: `[n, width]`.
        weight_MD: `[m, width]`.
        transposed: Whether few states are multiplied as `(W statesᵀ)ᵀ`; from
            `transposed_is_faster`.
    """
    if transposed and len(states_ND) <= _FEW:
        return (weight_MD @ states_ND.T).T
    return states_ND @ weight_MD.T


def transposed_is_faster(weight_MD: Tensor) -> bool:
    """Whether a product with few states is faster as `(W statesᵀ)ᵀ`.

    Up to four times on one CPU, while it takes 1.4 times as long on another; neither instructions
    nor maker tell which. So both are timed on a part of the matrix; that takes less than 0.1 s.

    Args:
        weight_MD: A large matrix; for a small one the answer is no.
    """
    if weight_MD.device.type != "cpu" or len(weight_MD) < TIMED_ROWS:
        return False
    part_MD = weight_MD[:TIMED_ROWS]
    states_ND = part_MD[:4]

    def seconds(transposed: bool) -> float:
        began = perf_counter()
        product(states_ND, part_MD, transposed).contiguous()
        return perf_counter() - began

    with torch.inference_mode():
        seconds(False)
        times = [(seconds(True), seconds(False)) for _ in range(3)]
    # Far from even, so that the same machine always decides alike: the last digits depend on it.
    return min(transposed for transposed, _ in times) < 0.75 * min(plain for _, plain in times)
