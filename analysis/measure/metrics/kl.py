"""`KL(p ‖ q)`, the paper's metric, so that a divergence of 1e-12 keeps its digits.

With `x = shift − E_p[shift]`, `KL = log1p(E_p[expm1(x) − x])`. Every term of that mean is at least
0, so nothing cancels; the textbook formula loses all digits of a tiny divergence and can turn
negative.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.measure.metrics import Metric
from analysis.measure.metrics._base_distribution import BaseDistribution

if TYPE_CHECKING:
    from torch import Tensor

# Above these shifts exp leaves the range of float32 and float64, of 4 and 8 bytes.
_LARGEST = {4: 60.0, 8: 600.0}
# Below this shift a short series is exact to float32, where expm1(x) − x would cancel.
_SERIES = 0.3
# Below this divergence `expm1(x) − x` in float32 may have lost digits that count: its error
# relative to the divergence is at most about ε / √divergence.
_CANCELS = 5e-5
# A mean that is larger after it was taken off says that the shift is too large for its precision.
_MOST_LEFT = 0.5


def kl(base_V: Tensor, shift_NV: Tensor) -> Tensor:
    """`KL(p ‖ q)` in nats, of each adapter.

    Args:
        base_V: Logits of the base, `[vocabulary]`, float32 or float64.
        shift_NV: Shift of the logits by each adapter, `[n, vocabulary]`.

    Returns:
        `[n]` in float64, finite and at least 0.
    """
    import torch

    base = BaseDistribution(base_V)
    # One adapter at a time, so that its intermediate results stay in a core's cache, and equal
    # shifts give equal numbers.
    return torch.stack([kl_of_shift(base, shift_V) for shift_V in shift_NV])


def kl_of_shift(base: BaseDistribution, shift_V: Tensor) -> Tensor:
    """`KL(p ‖ q)` in nats, of one adapter.

    Args:
        base: The base's distribution.
        shift_V: Shift of the logits by the adapter, `[vocabulary]`, in their precision.

    Returns:
        A tensor without dimensions, in float64, finite and at least 0.
    """
    base_V, p_V = base.logits_V, base.softmax_V
    x_V = shift_V - p_V.dot(shift_V)
    # The subtracted mean is rounded. The mean that is left is known; it is small unless the last
    # digit of the shifts is larger than 1.
    left = p_V.dot(x_V).double()
    low, high = float(x_V.amin()), float(x_V.amax())
    if high > _LARGEST[base_V.itemsize] or abs(float(left)) > _MOST_LEFT:
        if base_V.itemsize == 4:
            return kl_of_shift(base.in_float64, shift_V.double())
        # So large a shift leaves no small difference to protect: the textbook formula serves.
        return ((base_V + x_V).logsumexp(0) - base_V.logsumexp(0) - left).clamp_min(0.0)

    def value(excess_V: Tensor) -> Tensor:
        return ((p_V.dot(excess_V).double() + left).log1p() - left).clamp_min(0.0)

    if base_V.itemsize == 4 and max(-low, high) < _SERIES:
        return value(_series_excess(x_V))
    excess_V = _plain_excess(x_V)
    found = value(excess_V)
    if base_V.itemsize == 4 and 0 < float(found) < _CANCELS:
        return value(_series_excess(x_V).where(x_V.abs() < _SERIES, excess_V))
    return found


def _plain_excess(x: Tensor) -> Tensor:
    """`expm1(x) − x`."""
    return x.expm1().sub_(x)


def _series_excess(x: Tensor) -> Tensor:
    """`expm1(x) − x` for small x, as x² (1/2 + x/6 + x²/24 + …)."""
    series = x.new_full(x.shape, 1 / math.factorial(8))
    for power in range(7, 1, -1):
        series.mul_(x).add_(1 / math.factorial(power))
    return series.mul_(x).mul_(x)


METRIC = Metric(
    name="kl",
    label="KL divergence",
    formula="Σ p log(p / q)",
    of_pair=lambda pair: pair.kl,
    unit="nats",
    paper=True,
    order=10,
)
