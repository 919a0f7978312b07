"""Reads divergences and cells from traces: the LM head runs, the model never does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.common.background import BackgroundWork
from analysis.common.cache import ByteCache
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.inference.head import Head
from analysis.measure.cell_explanation import CellExplanation, explain
from analysis.measure.divergence import Divergence, measure
from analysis.measure.lenses import check_lens
from analysis.measure.metrics import check_metrics, metrics
from analysis.measure.trace import POSITIONS, Trace

# The size of a cell explanation, roughly: some tokens as text, with some numbers each.
_CELL_BYTES = 8_000


class TraceReader:
    """Reads divergences and cells from traces, and keeps the results for later requests.

    Args:
        head: The LM head with the final norm.
        token: From a token id to its text for people.
        kept: Keeps the results.
    """

    def __init__(self, head: Head, token: Callable[[int], str], kept: ByteCache) -> None:
        self._head = head
        self._token = token
        self._kept = kept
        self.background = BackgroundWork()

    def divergence(
        self,
        trace: Trace,
        lens: str = "norm",
        position: str = "query",
        metric: str = "kl",
        progress: Progress | None = None,
    ) -> Divergence:
        """The divergence of a trace's adapters; runs the LM head at most, never the model.

        The paper's metric is computed alone. The first request for another metric computes all
        metrics in one pass of the LM head, so that later changes between them cost nothing, as
        after `read_ahead`.

        Args:
            trace: From `trace`.
            lens: Name of a lens.
            position: One of `trace.POSITIONS`.
            metric: Name of a metric.
            progress: Told after each layer; what it raises stops the work.

        Raises:
            InputError: There is no such lens, position or metric.
        """
        key = (trace.prompt, trace.adapters, lens, position)
        kept: Divergence | None = self._kept.get((*key, metric))
        if kept is not None:
            return kept
        check_metrics((metric,))
        names = (metric,) if metrics()[metric].paper else (metric, *(set(metrics()) - {metric}))
        with self.background.request():
            return self._measure(trace, lens, position, names, progress)

    def _measure(
        self,
        trace: Trace,
        lens: str,
        position: str,
        names: Sequence[str],
        progress: Progress | None,
    ) -> Divergence:
        """Computes and keeps the divergences in some metrics; returns the first."""
        results = measure(trace, self._head, lens, position, names, progress)
        for result in results:
            key = (trace.prompt, trace.adapters, lens, position, result.metric)
            self._kept.put(key, result, result.values_LK.nbytes)
        return results[0]

    def read_ahead(self, trace: Trace, lens: str, layer: int, adapter: str) -> None:
        """Reads in the background the numbers that a visitor is likely to ask for next.

        These are the divergences in every metric at every kept position through the lens, and one
        cell at every position. The job runs the LM head only, and pauses while a request of the
        engine runs.

        Args:
            trace: From `trace`.
            lens: The lens that the page shows.
            layer: The layer of the selected cell.
            adapter: The adapter of the selected cell.

        Raises:
            InputError: There is no such lens, layer or adapter.
        """
        check_lens(lens)
        self._check_cell(trace, layer, adapter)

        def job(step: Progress) -> None:
            for position in POSITIONS:
                step("reading ahead", 0.0)
                self._explain(trace, layer, adapter, lens, position)
            for position in POSITIONS:
                key = (trace.prompt, trace.adapters, lens, position)
                if any(self._kept.get((*key, metric)) is None for metric in metrics()):
                    self._measure(trace, lens, position, tuple(metrics()), step)

        self.background.put(job)

    def cell(
        self, trace: Trace, layer: int, adapter: str, lens: str = "norm", position: str = "query"
    ) -> CellExplanation:
        """Explains one cell of a trace; runs the LM head on two states.

        Raises:
            InputError: There is no such layer, adapter, lens or position.
        """
        self._check_cell(trace, layer, adapter)
        with self.background.request():
            return self._explain(trace, layer, adapter, lens, position)

    def _explain(
        self, trace: Trace, layer: int, adapter: str, lens: str, position: str
    ) -> CellExplanation:
        key = (trace.prompt, trace.adapters, lens, position, layer, adapter)
        kept: CellExplanation | None = self._kept.get(key)
        if kept is not None:
            return kept
        rows = [0, 1 + trace.adapters.index(adapter)]
        states_RD = trace.at(position)[rows, layer]
        cell = explain(states_RD, self._head, lens, layer, adapter, self._token)
        self._kept.put(key, cell, _CELL_BYTES)
        return cell

    @staticmethod
    def _check_cell(trace: Trace, layer: int, adapter: str) -> None:
        if not 0 <= layer < trace.layers or adapter not in trace.adapters:
            raise InputError(
                f"There is no cell at layer {layer!r} and adapter {adapter!r}: layers are 0 to "
                f"{trace.layers - 1}, adapters {', '.join(trace.adapters)}."
            )
