"""The divergence, qa-FLoRA's signal (arXiv 2512.11366): how far an adapter moves the base."""

from analysis.measure.signals import DIVERGENCE, Reading, Signal, SignalSource


def _read(source: SignalSource) -> Reading:
    found = source.divergence()
    return Reading(found.values_LK, found.peak_L)


SIGNAL = Signal(
    name=DIVERGENCE,
    label="Divergence",
    formula="",
    summary="How far the adapter moves the distribution of the base, read through the lens.",
    read=_read,
    uses=("lens", "metric", "position"),
    of_trace=True,
    paper=True,
    order=10,
)
