"""The distributions of base and adapter, as the metrics take them.

`p = softmax(base)` is the base's distribution and `q = softmax(base + shift)` the adapter's. The
shift is known better than the difference of the two: everything here is written so that a tiny
shift keeps its digits.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from analysis.measure.metrics._base_distribution import BaseDistribution
from analysis.measure.metrics.kl import kl_of_shift

if TYPE_CHECKING:
    from torch import Tensor


class Pair:
    """The distributions of base and adapter over the vocabulary.

    All parts but `kl` are in float64 and `[vocabulary]`; each is computed when a metric first asks
    for it.

    Args:
        base: The base's distribution.
        shift_V: Shift of the base's logits by the adapter, `[vocabulary]`.
    """

    def __init__(self, base: BaseDistribution, shift_V: Tensor) -> None:
        self._base = base
        self._shift_V = shift_V

    @cached_property
    def kl(self) -> Tensor:
        """`KL(p ‖ q)`, computed in the precision of the logits."""
        return kl_of_shift(self._base, self._shift_V)

    @cached_property
    def _shift_in_float64_V(self) -> Tensor:
        return self._shift_V.double()

    @property
    def p_V(self) -> Tensor:
        """The base's probabilities."""
        return self._base.in_float64.exp_log_softmax_V

    @property
    def log_p_V(self) -> Tensor:
        """The logarithms of the base's probabilities."""
        return self._base.in_float64.log_softmax_V

    @cached_property
    def q_V(self) -> Tensor:
        """The adapter's probabilities."""
        # Not from `log_ratio_V`, which has lost its digits where a shift is huge: q must add up
        # to 1.
        return (self._base.in_float64.logits_V + self._shift_in_float64_V).softmax(0)

    @cached_property
    def log_ratio_V(self) -> Tensor:
        """`log(q / p)`, without cancellation."""
        shift_V = self._shift_in_float64_V
        return shift_V - self.p_V.dot(shift_V) - kl_of_shift(self._base.in_float64, shift_V)

    @cached_property
    def difference_V(self) -> Tensor:
        """`q − p`, without cancellation."""
        near_V = self.log_ratio_V.clamp(-1.0, 1.0)
        return (self.p_V * near_V.expm1()).where(self.log_ratio_V == near_V, self.q_V - self.p_V)
