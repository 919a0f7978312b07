"""Reads divergences and cells from traces: the LM head runs, the model never does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

from analysis.common.cache import ByteCache
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.common.threads.background import BackgroundJobs
from analysis.common.threads.in_flight import InFlight
from analysis.inference.head import Head
from analysis.inference.scheduling.resources import Resources
from analysis.measure.cell_explanation import CellExplanation, explain
from analysis.measure.divergence import Divergence, at_position, measure
from analysis.measure.lenses import BoundLens, bind_lens
from analysis.measure.metrics import Metric, metric_of, metrics
from analysis.measure.trace import KEPT, Trace
from analysis.measure.tracing.kept_results import KeptResults
from analysis.measure.weight_settings import WeightSettings
from analysis.models.adapter_facts import AdapterFacts

T = TypeVar("T")


class TraceReader(KeptResults):
    """Reads divergences and cells from traces, and keeps the results for later requests.

    Args:
        head: The LM head with the final norm.
        token: From a token id to its text for people.
        kept: Keeps the results.
        settings: How divergences are read where a request does not say.
        facts: Facts about the adapters, with the fitted files of lenses.
        resources: The time of the LM head, and places of those who read layers.
    """

    def __init__(
        self,
        head: Head,
        token: Callable[[int], str],
        kept: ByteCache,
        settings: WeightSettings,
        facts: AdapterFacts,
        resources: Resources,
    ) -> None:
        super().__init__(kept)
        self.settings = settings
        self.facts = facts
        self._scheduler = resources.scheduler
        self._in_flight = InFlight()
        self._head = head
        self._token = token
        self._readers = resources.readers
        self.background = BackgroundJobs()

    def divergence(
        self,
        trace: Trace,
        lens: str | None = None,
        position: str | None = None,
        metric: str | Metric | None = None,
        progress: Progress | None = None,
    ) -> Divergence:
        """The divergence of a trace's adapters; runs the LM head at most, never the model.

        The paper's metric is computed alone. The first request for another metric computes all
        metrics in one pass of the LM head, so that later changes between them cost nothing, as
        after `read_ahead`.

        Args:
            trace: From `trace`.
            lens: Name of a lens; the settings' by default.
            position: One of `trace.POSITIONS`; the settings' by default.
            metric: Name of a metric, or a metric that is not among the listed ones; the settings'
                by default.
            progress: Told after each layer; an exception that it raises stops the work.

        Raises:
            InputError: There is no such lens, position or metric, or the lens's fitted file is
                missing or cannot be used.
        """
        lens, position = lens or self.settings.lens, position or self.settings.position
        metric = metric or self.settings.metric

        def read(kept: str, told: Progress | None) -> Divergence:
            return self._divergence(trace, lens, kept, metric, told)

        return at_position(position, read, progress)

    def _divergence(
        self,
        trace: Trace,
        lens: str,
        position: str,
        metric: str | Metric,
        progress: Progress | None,
    ) -> Divergence:
        """The divergence at a kept position."""
        wanted = metric_of(metric)
        rest = (lens, position, wanted.name)
        kept: Divergence | None = self._kept.get((trace.prompt, trace.adapters, *rest))
        if kept is not None:
            return kept
        wider = self._wider(trace.prompt, trace.adapters)
        wide: Divergence | None = self._kept.get((trace.prompt, wider, *rest)) if wider else None
        if wide is not None:
            return wide.among([wider.index(name) for name in trace.adapters])
        names: tuple[str | Metric, ...] = (metric,)
        if isinstance(metric, str) and not wanted.paper:
            names = (metric, *(set(metrics()) - {metric}))
        with self.background.paused(), self._reading(progress):
            return self._measure(trace, lens, position, names, progress)

    def _measure(
        self,
        trace: Trace,
        lens: str,
        position: str,
        names: Sequence[str | Metric],
        progress: Progress | None,
    ) -> Divergence:
        """Computes and keeps the divergences in some metrics; returns the first."""
        results = measure(
            trace, self._head, self._lens(lens), position, names, progress, self._read_soon
        )
        for result in results:
            key = (trace.prompt, trace.adapters, lens, position, result.metric)
            self._keep(key, result)
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
            InputError: There is no such lens, layer or adapter, or the lens cannot be used.
        """
        self._lens(lens)
        self._check_cell(trace, layer, adapter)

        def job(step: Progress) -> None:
            for position in KEPT:
                step("reading ahead", 0.0)
                self._explain(trace, layer, (adapter,), lens, position)
            for position in KEPT:
                key = (trace.prompt, trace.adapters, lens, position)
                if any(self._kept.get((*key, metric)) is None for metric in metrics()):
                    self._measure(trace, lens, position, tuple(metrics()), step)

        self.background.submit(job)

    def cell(
        self, trace: Trace, layer: int, adapter: str, lens: str = "norm", position: str = "query"
    ) -> CellExplanation:
        """Explains one cell of a trace; runs the LM head on two states.

        Raises:
            InputError: There is no such layer, adapter or lens, the lens cannot be used, or the
                position is not kept.
        """
        self._check_cell(trace, layer, adapter)
        with self.background.paused():
            return self._explain(trace, layer, (adapter,), lens, position)[0]

    def cells(
        self, trace: Trace, layer: int, lens: str = "norm", position: str = "query"
    ) -> tuple[CellExplanation, ...]:
        """Explains all cells of a layer; runs the LM head once.

        Raises:
            InputError: There is no such layer or lens, the lens cannot be used, or the position is
                not kept.
        """
        for adapter in trace.adapters:
            self._check_cell(trace, layer, adapter)
        with self.background.paused():
            return self._explain(trace, layer, trace.adapters, lens, position)

    def _explain(
        self, trace: Trace, layer: int, adapters: Sequence[str], lens: str, position: str
    ) -> tuple[CellExplanation, ...]:
        keys = [
            (trace.prompt, trace.adapters, lens, position, layer, adapter) for adapter in adapters
        ]
        found: list[CellExplanation | None] = [self._kept.get(key) for key in keys]
        missing = [place for place, cell in enumerate(found) if cell is None]
        if missing:
            names = [adapters[place] for place in missing]
            rows = [0, *(1 + trace.adapters.index(name) for name in names)]
            states_RD = trace.at(position)[rows, layer]
            bound = self._lens(lens)
            made = self._scheduler.run(
                partial(explain, states_RD, self._head, bound, layer, names, self._token),
                soon=True,
            )
            for place, cell in zip(missing, made, strict=True):
                self._keep(keys[place], cell)
                found[place] = cell
        return tuple(cell for cell in found if cell is not None)

    def _reading(self, progress: Progress | None) -> AbstractContextManager[None]:
        """A place among those who read layers, each of whom holds the logits of several layers."""
        return self._readers.place(lambda: progress and progress("waiting to read", 0.0))

    def _read_soon(self, layers: Iterable[T]) -> Iterator[T]:
        """Reads layers as pieces of a request that answers next."""
        return self._scheduler.each(layers, soon=True)

    def _lens(self, name: str) -> BoundLens:
        """A lens with its fitted file, which is read once."""
        return bind_lens(name, self.facts.fitted)

    @staticmethod
    def _check_cell(trace: Trace, layer: int, adapter: str) -> None:
        if not 0 <= layer < trace.layers or adapter not in trace.adapters:
            raise InputError(
                f"There is no cell at layer {layer!r} and adapter {adapter!r}: layers are 0 to "
                f"{trace.layers - 1}, adapters {', '.join(trace.adapters)}."
            )
