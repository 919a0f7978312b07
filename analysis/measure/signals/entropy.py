"""The change of entropy: how much more or less certain an adapter makes the base.

`H(q) − H(p) = −Σ (q − p) log p − KL(q ‖ p)`, so that a tiny shift keeps its digits; the difference
of two entropies would lose them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.measure.metrics import Metric
from analysis.measure.signals import Reading, Signal, SignalSource

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.measure.metrics._pair import Pair


def _change(pair: Pair) -> Tensor:
    from analysis.measure.metrics.reverse_kl import METRIC as REVERSE_KL

    change: Tensor = -pair.difference_V.dot(pair.log_p_V) - REVERSE_KL.of_pair(pair)
    return change.abs()


CHANGE = Metric("entropy", "Change of entropy", "|H(q) − H(p)|", _change, unit="nats")


def _read(source: SignalSource) -> Reading:
    found = source.divergence(CHANGE)
    return Reading(found.values_LK, found.peak_L)


SIGNAL = Signal(
    name="entropy",
    label=CHANGE.label,
    formula=CHANGE.formula,
    summary="How much more or less certain the adapter makes the next token, read through the "
    "lens.",
    read=_read,
    uses=("lens", "position"),
    unit=CHANGE.unit,
    of_trace=True,
    order=20,
)
