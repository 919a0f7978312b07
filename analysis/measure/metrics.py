"""How far two distributions are apart, measured from the shift between their logits.

`p = softmax(base)` is the base's distribution and `q = softmax(base + shift)` the adapter's. The
shift is known better than the difference of the two: everything here is written so that a tiny
shift keeps its digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.errors import InputError

if TYPE_CHECKING:
    # The page lists the metrics before it can wait for torch.
    from torch import Tensor

# Beyond these, exp leaves the range of float32 and float64, of 4 and 8 bytes.
_LARGEST = {4: 60.0, 8: 600.0}
# Up to here a short series is exact to float32, where expm1(x) − x would cancel.
_SERIES = 0.3
# Below it, `expm1(x) − x` in float32 could have lost digits that count: its error relative to the
# divergence is at most about ε / √divergence.
_CANCELS = 5e-5


def kl(base_V: Tensor, shift_NV: Tensor) -> Tensor:
    """`KL(p ‖ q)` in nats: the paper's metric.

    With `x = shift − E_p[shift]`, `KL = log1p(E_p[expm1(x) − x])`. Every term of that mean is at
    least 0, so nothing cancels and a divergence of 1e-12 keeps its digits; the textbook formula
    loses all of them and can turn negative.

    Args:
        base_V: Logits of the base, `[vocabulary]`, float32 or float64.
        shift_NV: What each adapter adds to them, `[n, vocabulary]`.

    Returns:
        `[n]` in float64, finite and at least 0.
    """
    import torch

    p_V = base_V.softmax(dim=0)
    # One adapter at a time: its shift and what is made of it stay in a core's cache, and equal
    # shifts give equal numbers.
    found = [_kl(base_V, p_V, shift_V) for shift_V in shift_NV]
    if large := [place for place, value in enumerate(found) if value is None]:
        exact = kl(base_V.double(), shift_NV[large].double())
        for place, value in zip(large, exact, strict=True):
            found[place] = value
    return torch.stack([value for value in found if value is not None])


def _kl(base_V: Tensor, p_V: Tensor, shift_V: Tensor) -> Tensor | None:
    """One adapter's; None where its shift is too large for float32."""
    x_V = shift_V - p_V.dot(shift_V)
    low, high = float(x_V.amin()), float(x_V.amax())
    if high > _LARGEST[base_V.itemsize]:
        if base_V.itemsize == 4:
            return None
        # So large a shift leaves no small difference to protect: the textbook formula serves.
        return ((base_V + x_V).logsumexp(0) - base_V.logsumexp(0)).clamp_min(0.0)
    # The mean that was taken off is itself rounded; what is left of it is small and known.
    left = p_V.dot(x_V).double()

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
    return x.expm1().sub_(x)


def _series_excess(x: Tensor) -> Tensor:
    # x² (1/2 + x/6 + x²/24 + …)
    series = x.new_full(x.shape, 1 / math.factorial(8))
    for power in range(7, 1, -1):
        series.mul_(x).add_(1 / math.factorial(power))
    return series.mul_(x).mul_(x)


@dataclass(frozen=True)
class _Pair:
    """Two distributions in float64, and what differs, without cancellation; all `[vocabulary]`.

    Attributes:
        p: The base's.
        q: The adapter's.
        log_ratio: `log(q / p)`.
        difference: `q − p`.
    """

    p: Tensor
    q: Tensor
    log_ratio: Tensor
    difference: Tensor


def _pairs(base_V: Tensor, shift_NV: Tensor) -> Iterator[_Pair]:
    base_V = base_V.double()
    log_p_V = base_V.log_softmax(0)
    p_V = log_p_V.exp()
    for shift_V in shift_NV.double():
        x_V = shift_V - p_V.dot(shift_V)
        log_ratio_V = x_V - kl(base_V, shift_V.unsqueeze(0))[0]
        # Not from the ratio, which has lost its digits where a shift is huge: q must add up to 1.
        q_V = (base_V + shift_V).softmax(0)
        near_V = log_ratio_V.clamp(-1.0, 1.0)
        difference_V = (p_V * near_V.expm1()).where(log_ratio_V == near_V, q_V - p_V)
        yield _Pair(p_V, q_V, log_ratio_V, difference_V)


def _reverse_kl(pair: _Pair) -> Tensor:
    return (pair.q * pair.log_ratio - pair.difference).sum()


def _jensen_shannon(pair: _Pair) -> Tensor:
    from torch.special import xlog1py

    both_V = pair.p + pair.q
    t_V = (pair.difference / both_V.clamp_min(1e-300)).clamp(-1.0, 1.0)
    terms_V: Tensor = xlog1py(1 + t_V, t_V) + xlog1py(1 - t_V, -t_V)
    return both_V.dot(terms_V) / 4


def _hellinger(pair: _Pair) -> Tensor:
    roots_V = (pair.p.sqrt() + pair.q.sqrt()).clamp_min(1e-300)
    return ((pair.difference / roots_V).square().sum() / 2).sqrt()


def _euclidean(pair: _Pair) -> Tensor:
    return pair.difference.square().sum().sqrt()


def _cosine(pair: _Pair) -> Tensor:
    # 1 − cos = (‖q − p‖² − (‖q‖ − ‖p‖)²) / (2 ‖p‖ ‖q‖)
    p, q = pair.p.square().sum().sqrt(), pair.q.square().sum().sqrt()
    lengths = pair.difference.dot(pair.p + pair.q) / (p + q)
    return (pair.difference.square().sum() - lengths.square()) / (2 * p * q)


@dataclass(frozen=True)
class Metric:
    """A way to measure how far two distributions are apart.

    Attributes:
        name: What commands call it.
        label: What people read.
        formula: Its formula, p the base's and q the adapter's distribution.
        of_pair: From two distributions to a number; None for KL, which has a way of its own.
        paper: Whether it is the paper's.
    """

    name: str
    label: str
    formula: str
    of_pair: Callable[[_Pair], Tensor] | None
    paper: bool = False


METRICS = {
    metric.name: metric
    for metric in (
        Metric("kl", "KL divergence", "Σ p log(p / q)", None, paper=True),
        Metric("reverse-kl", "Reverse KL", "Σ q log(q / p)", _reverse_kl),
        Metric("js", "Jensen–Shannon", "½ KL(p ‖ m) + ½ KL(q ‖ m)", _jensen_shannon),
        Metric("hellinger", "Hellinger", "√(½ Σ (√p − √q)²)", _hellinger),
        Metric("cosine", "Cosine distance", "1 − p·q / (‖p‖ ‖q‖)", _cosine),
        Metric("euclidean", "Euclidean", "√(Σ (p − q)²)", _euclidean),
    )
}


def measure_all(metrics: Sequence[str], base_V: Tensor, shift_NV: Tensor) -> Tensor:
    """Several metrics at once; they share what costs most.

    Args:
        metrics: Their names.
        base_V: Logits of the base, `[vocabulary]`, float32 or float64.
        shift_NV: What each adapter adds to them, `[n, vocabulary]`.

    Returns:
        `[metrics, n]` in float64, finite and at least 0.

    Raises:
        InputError: There is no such metric.
    """
    import torch

    check_metrics(metrics)
    values_MN = base_V.new_zeros(len(metrics), len(shift_NV), dtype=torch.float64)
    of_pairs = [(place, METRICS[name].of_pair) for place, name in enumerate(metrics)]
    for place, of_pair in of_pairs:
        if of_pair is None:
            values_MN[place] = kl(base_V, shift_NV)
    if any(of_pair is not None for _, of_pair in of_pairs):
        for adapter, pair in enumerate(_pairs(base_V, shift_NV)):
            for place, of_pair in of_pairs:
                if of_pair is not None:
                    values_MN[place, adapter] = of_pair(pair)
    return values_MN.clamp_min(0.0)


def check_metrics(metrics: Sequence[str]) -> None:
    """Refuses metrics that are not there.

    Raises:
        InputError: There is no such metric.
    """
    for name in metrics:
        if name not in METRICS:
            raise InputError(f"There is no metric {name!r}: take one of {', '.join(METRICS)}.")
