"""Products of states with a matrix that no cache holds, in the way that is faster here."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor, nn

# With more states than these, plain products and transposed ones take about as long.
_MOST_TRANSPOSED = 8
# The kernels of some CPUs take 1.5 to 2 times as long with as many states as these as with 16.
_SLOW, _PADDED = range(8, 16), 16
TIMED_ROWS = 32_768


def product(
    states_ND: Tensor, weight_MD: Tensor, *, transposed: bool = False, padded: bool = False
) -> Tensor:
    """`states Wᵀ`, `[n, m]`, not always contiguous.

    Args:
        states_ND: `[n, width]`.
        weight_MD: `[m, width]`.
        transposed: Whether few states are multiplied as `(W statesᵀ)ᵀ`; from
            `transposed_is_faster`.
        padded: Whether 8 to 15 states are multiplied as 16, unless they are transposed; from
            `padded_is_faster`.
    """
    count = len(states_ND)
    if transposed and count <= _MOST_TRANSPOSED:
        return (weight_MD @ states_ND.T).T
    if padded and count in _SLOW:
        return (nn.functional.pad(states_ND, (0, 0, 0, _PADDED - count)) @ weight_MD.T)[:count]
    return states_ND @ weight_MD.T


def transposed_is_faster(weight_MD: Tensor) -> bool:
    """Whether a product with few states is faster as `(W statesᵀ)ᵀ`.

    Up to four times on one CPU, while it takes 1.4 times as long on another; neither instructions
    nor maker tell which. So both are timed on a part of the matrix; that takes some 0.1 s.

    Args:
        weight_MD: A large matrix; for a small one the answer is no.
    """
    return _is_faster(
        weight_MD, 4, lambda states_ND, part_MD: product(states_ND, part_MD, transposed=True)
    )


def padded_is_faster(weight_MD: Tensor) -> bool:
    """Whether a product with some states is faster with 16, of which the first are kept.

    Both are timed, as for `transposed_is_faster`.

    Args:
        weight_MD: A large matrix; for a small one the answer is no.
    """
    return _is_faster(
        weight_MD, 12, lambda states_ND, part_MD: product(states_ND, part_MD, padded=True)
    )


def _is_faster(weight_MD: Tensor, count: int, other: Callable[[Tensor, Tensor], Tensor]) -> bool:
    """Whether another way to multiply so many states is clearly faster than the plain one."""
    if weight_MD.device.type != "cpu" or len(weight_MD) < TIMED_ROWS:
        return False
    part_MD = weight_MD[:TIMED_ROWS]
    states_ND = part_MD[:count]

    def seconds(way: Callable[[Tensor, Tensor], Tensor]) -> float:
        began = perf_counter()
        way(states_ND, part_MD).contiguous()
        return perf_counter() - began

    def plain(states_ND: Tensor, part_MD: Tensor) -> Tensor:
        return product(states_ND, part_MD)

    with torch.inference_mode():
        seconds(plain)
        times = [(seconds(other), seconds(plain)) for _ in range(3)]
    # Far from even, so that the same machine always decides alike: the last digits depend on it.
    return min(others for others, _ in times) < 0.75 * min(plains for _, plains in times)
