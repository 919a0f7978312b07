"""What is read from traces: the LM head runs, the model never does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.common.background import BackgroundJobs
from analysis.common.cache import ByteCache
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.common.sizes import size_of
from analysis.inference.prompt import Prompt
from analysis.measure.cell_explanation import CellExplanation, explain
from analysis.measure.divergence import Divergence, measure
from analysis.measure.every_token import EveryToken
from analysis.measure.lens import Head, check_lens
from analysis.measure.metrics import METRICS
from analysis.measure.trace import POSITIONS, Trace


class TraceReader:
    """Reads divergences and cells from traces, and keeps them for the next one that asks.

    Args:
        head: The LM head with the final norm.
        token: A token id as text for people.
        kept: Where what was computed is kept.
    """

    def __init__(self, head: Head, token: Callable[[int], str], kept: ByteCache) -> None:
        self._head = head
        self._token = token
        self._kept = kept
        self.background = BackgroundJobs()

    def kept_trace(self, prompt: Prompt, adapters: tuple[str, ...]) -> Trace | None:
        """The trace of a prompt, or None where it is not kept (any more); runs nothing."""
        trace: Trace | None = self._kept.get((prompt, adapters))
        return trace

    def kept_every_token(
        self, prompt: Prompt, adapters: tuple[str, ...], lens: str, metric: str
    ) -> EveryToken | None:
        """The view of every token of a prompt, or None where it is not kept; runs nothing."""
        every_token: EveryToken | None = self._kept.get(
            (prompt, adapters, lens, metric, "every token")
        )
        return every_token

    def divergence(
        self,
        trace: Trace,
        lens: str = "norm",
        position: str = "query",
        metric: str = "kl",
        progress: Progress | None = None,
    ) -> Divergence:
        """The divergence of a trace's adapters; runs the LM head at most, never the model.

        KL is computed on its own. The first other metric computes all of them in one pass, so
        that changing between them costs nothing; after `read_ahead` it does not either.

        Args:
            trace: From `trace`.
            lens: One of `lens.LENSES`.
            position: One of `trace.POSITIONS`.
            metric: One of `metrics.METRICS`.
            progress: Told after each layer; what it raises stops the work.

        Raises:
            InputError: There is no such lens, position or metric.
        """
        kept: Divergence | None = self._kept.get(
            (trace.prompt, trace.adapters, lens, position, metric)
        )
        if kept is not None:
            return kept
        metrics = ("kl",) if metric == "kl" else (metric, *(set(METRICS) - {metric}))
        with self.background.paused():
            return self._measure(trace, lens, position, metrics, progress)

    def _measure(
        self,
        trace: Trace,
        lens: str,
        position: str,
        metrics: Sequence[str],
        progress: Progress | None,
    ) -> Divergence:
        """Computes and keeps some metrics; gives the first."""
        results = measure(trace, self._head, lens, position, metrics, progress)
        for result in results:
            key = (trace.prompt, trace.adapters, lens, position, result.metric)
            self._keep(key, result)
        return results[0]

    def read_ahead(self, trace: Trace, lens: str, layer: int, adapter: str) -> None:
        """Reads in the background what is likely to be looked at next.

        That is every metric at every kept position through the lens, and one cell at every
        position. It runs the LM head only, and rests while any request of the engine runs.

        Args:
            trace: From `trace`.
            lens: The lens that is looked through.
            layer: The layer that is looked into.
            adapter: The adapter that is looked into.

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
                if any(self._kept.get((*key, metric)) is None for metric in METRICS):
                    self._measure(trace, lens, position, tuple(METRICS), step)

        self.background.submit(job)

    def cell(
        self, trace: Trace, layer: int, adapter: str, lens: str = "norm", position: str = "query"
    ) -> CellExplanation:
        """Looks into one cell of a trace; runs the LM head on two states.

        Raises:
            InputError: There is no such layer, adapter, lens or position.
        """
        self._check_cell(trace, layer, adapter)
        with self.background.paused():
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
        self._keep(key, cell)
        return cell

    def _keep(self, key: tuple[object, ...], value: object) -> None:
        # The key counts too: it holds a prompt, which can be larger than the value.
        self._kept.put(key, value, size_of(key, value))

    @staticmethod
    def _check_cell(trace: Trace, layer: int, adapter: str) -> None:
        if not 0 <= layer < trace.layers or adapter not in trace.adapters:
            raise InputError(
                f"There is no cell at layer {layer!r} and adapter {adapter!r}: layers are 0 to "
                f"{trace.layers - 1}, adapters {', '.join(trace.adapters)}."
            )
