"""The spectral match: how well the inputs of modules fit an adapter's main direction.

Arrow (arXiv 2405.11157) routes by `|v · x|`, with v the top right singular vector of ΔW. Divided by
`‖x‖` it is the cosine between the two: the mean over the query's tokens and the modules of a layer.
"""

from __future__ import annotations

from analysis.measure.signals import Reading, Signal, SignalSource, of_modules


def _read(source: SignalSource) -> Reading:
    from analysis.measure.changes.map_norms import direction_map

    return of_modules(source.module_mean("spectral", direction_map, "input"))


SIGNAL = Signal(
    name="spectral",
    label="Spectral match",
    formula="|v · x| / ‖x‖",
    summary="How well the input of each module fits the main direction of the adapter's change, "
    "whatever the adapter's size; from one pass of the base alone.",
    read=_read,
    order=40,
)
