"""The base's distribution, which all adapters of a layer are compared with."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class BaseDistribution:
    """The base's distribution over the vocabulary; each form of it is computed once.

    Args:
        logits_V: The base's logits, `[vocabulary]`, float32 or float64.
    """

    def __init__(self, logits_V: Tensor) -> None:
        self.logits_V = logits_V

    @cached_property
    def in_float64(self) -> BaseDistribution:
        """The same distribution in float64."""
        return self if self.logits_V.itemsize == 8 else BaseDistribution(self.logits_V.double())

    @cached_property
    def softmax_V(self) -> Tensor:
        """The probabilities, `[vocabulary]`."""
        return self.logits_V.softmax(dim=0)

    @cached_property
    def log_softmax_V(self) -> Tensor:
        """The logarithms of the probabilities, `[vocabulary]`."""
        return self.logits_V.log_softmax(dim=0)

    @cached_property
    def exp_log_softmax_V(self) -> Tensor:
        """The probabilities from their logarithms, `[vocabulary]`: equal to the last digit."""
        return self.log_softmax_V.exp()
