"""The relevance of adapters to a query: a signal, as it is or over each adapter's usual one."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from analysis.measure.baseline import Baseline
from analysis.measure.normalisation import NEGLIGIBLE
from analysis.measure.signals import Reading

SMALLEST_USUAL = 1e-6
"""An adapter that changes no neutral query counts as one that changes it by so small a share of
the largest usual value in its layer: its ratio stays finite."""


@dataclass(frozen=True)
class Relevance:
    """How much a query calls for each adapter, layer by layer.

    Attributes:
        values_LK: What weights are made of, `[layers, adapters]` in float64, finite and at least 0:
            the signal, or its ratio to the usual one.
        peak_L: The largest probability of the base's distribution where a lens reads the signal,
            `[layers]`; 0 where none does.
        signal_LK: The signal, same shape as the values.
        usual_LK: Its mean over the neutral queries, same shape; None where nobody asked for it.
    """

    values_LK: Tensor = field(repr=False)
    peak_L: Tensor = field(repr=False)
    signal_LK: Tensor = field(repr=False)
    usual_LK: Tensor | None = field(default=None, repr=False)


def relevance_of(reading: Reading, usual: Baseline | None) -> Relevance:
    """The relevance from what a signal reads.

    Args:
        reading: Of the query.
        usual: Of neutral queries, where the relevance is relative to it.
    """
    signal_LK = reading.values_LK.double()
    if usual is None:
        return Relevance(signal_LK, reading.peak_L, signal_LK)
    ratio_LK = over_usual(signal_LK, usual.mean_LK)
    return Relevance(ratio_LK, reading.peak_L, signal_LK, usual.mean_LK)


def over_usual(signal_LK: Tensor, usual_LK: Tensor) -> Tensor:
    """The ratio of a signal to its usual size, `[layers, adapters]` in float64; 0 where it is 0."""
    least_L1 = (SMALLEST_USUAL * usual_LK.amax(dim=1, keepdim=True)).clamp_min(NEGLIGIBLE)
    ratio_LK = signal_LK.double() / usual_LK.double().maximum(least_L1)
    return ratio_LK.where(signal_LK > NEGLIGIBLE, 0.0)
