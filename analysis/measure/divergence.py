"""How far an adapter moves the base's distribution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from analysis.common.progress import Progress, part_of
from analysis.inference.head import Head
from analysis.measure.layer_reading import Layers, read_layers
from analysis.measure.lenses import BoundLens
from analysis.measure.metrics import Metric, measure_pairs, metric_of
from analysis.measure.trace import BOTH, KEPT, Trace

Measured = Iterator[tuple[int, Tensor, float]]
"""As `measured` gives them."""
Each = Callable[[Measured], Measured]
"""Iterates over layers, as `iter` does; a scheduler makes each of them when it is its turn."""


@dataclass(frozen=True)
class Divergence:
    """How far each adapter moves the base's distribution, layer by layer.

    Attributes:
        values_LK: `[layers, adapters]`, float64, finite and at least 0, in the metric's unit.
        peak_L: The largest probability of the base's distribution, `[layers]`. Where it is 1, the
            lens saturates and the divergence says nothing.
        lens: Name of the lens.
        position: One of `trace.POSITIONS`, or `trace.MEAN`.
        metric: Name of the metric.
    """

    values_LK: Tensor
    peak_L: Tensor
    lens: str
    position: str
    metric: str

    def among(self, places: Sequence[int]) -> Divergence:
        """The divergences of some of the adapters, given by their places."""
        return replace(self, values_LK=self.values_LK[:, list(places)])


def measure(
    trace: Trace,
    head: Head,
    lens: BoundLens,
    position: str = "query",
    metrics: Sequence[str | Metric] = ("kl",),
    progress: Progress | None = None,
    each: Each = iter,
) -> tuple[Divergence, ...]:
    """The divergence of every adapter in every layer; runs the head, never the model.

    Args:
        trace: The hidden states of base and adapters.
        head: The model's head.
        lens: The lens.
        position: One of `trace.KEPT`.
        metrics: Names of metrics, or metrics that are not among the listed ones; they share one
            pass of the head.
        progress: Told after each layer; an exception that it raises stops the work.
        each: Iterates over the layers, which run the head as it goes; from a scheduler.

    Returns:
        A divergence for each metric.

    Raises:
        InputError: There is no such position or metric.
    """
    chosen = [metric_of(one) for one in metrics]
    values_MLK = torch.zeros(len(chosen), trace.layers, len(trace.adapters), dtype=torch.float64)
    peak_L = torch.zeros(trace.layers, dtype=torch.float64)
    layers = read_layers(trace.at(position), head, lens)
    for layer, values_MK, largest in each(measured(layers, chosen)):
        values_MLK[:, layer], peak_L[layer] = values_MK, largest
        if progress is not None:
            progress("reading the layers", (layer + 1) / trace.layers)
    return tuple(
        Divergence(values_LK, peak_L, lens.name, position, metric.name)
        for values_LK, metric in zip(values_MLK, chosen, strict=True)
    )


def peak(base_V: Tensor) -> float:
    """The largest probability of the distribution with logits `[vocabulary]`."""
    return float(base_V.softmax(0).max())


def measured(layers: Layers, chosen: Sequence[Metric]) -> Measured:
    """The divergences of each layer that is read.

    They are computed by the thread that runs the head. With parallel work in two threads, OpenMP
    counts more threads than cores and lets its workers sleep in between, and each small operation
    would wait for one to wake: reading a trace took 1.3 times as long.

    Args:
        layers: From `read_layers`.
        chosen: The metrics.

    Yields:
        The layer's number, its divergences `[metrics, adapters]` in float64 on the CPU, and the
        largest probability of the base's distribution.
    """
    for layer, base_V, shift_KV in layers:
        yield layer, measure_pairs(chosen, base_V, shift_KV).cpu(), peak(base_V)


def at_position(
    position: str,
    read: Callable[[str, Progress | None], Divergence],
    progress: Progress | None = None,
) -> Divergence:
    """The divergence at a position; at both it is the mean of those at the kept positions.

    Args:
        position: One of `trace.POSITIONS`.
        read: Reads the divergence at a kept position.
        progress: Told how far the reading of all positions is.
    """
    if position != BOTH:
        return read(position, progress)
    found = [
        read(one, progress and part_of(progress, number, len(KEPT)))
        for number, one in enumerate(KEPT)
    ]
    return replace(
        found[0],
        values_LK=torch.stack([one.values_LK for one in found]).mean(dim=0),
        peak_L=torch.stack([one.peak_L for one in found]).mean(dim=0),
        position=BOTH,
    )
