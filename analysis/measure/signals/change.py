"""The size of an adapter's change beside the base's own output, in the base alone.

`‖ΔW x‖ / ‖W x‖` in each adapted module, with x the base's input: the mean over the query's tokens
and the modules of a layer. SpectR (arXiv 2504.03454) and SEQR (arXiv 2509.18093) route by the
numerator.
"""

from __future__ import annotations

from analysis.measure.signals import CHANGE, Reading, Signal, SignalSource, of_modules


def _read(source: SignalSource) -> Reading:
    from analysis.measure.changes.map_norms import change_map

    return of_modules(source.module_mean(CHANGE, change_map, "output"))


SIGNAL = Signal(
    name=CHANGE,
    label="Size of the change",
    formula="‖ΔW x‖ / ‖W x‖",
    summary="How large the adapter's change of each module is beside the module's own output, the "
    "mean over the query's tokens; from one pass of the base alone.",
    read=_read,
    order=30,
)
