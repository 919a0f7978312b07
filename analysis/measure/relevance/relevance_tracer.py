"""Reads signals, and their usual sizes over neutral queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from analysis.common.progress import Progress
from analysis.inference.prompt import Prompt
from analysis.measure.baseline import Baseline, each_neutral_query
from analysis.measure.divergence import Divergence
from analysis.measure.metrics import Metric
from analysis.measure.normalisation import normalise
from analysis.measure.relevance.relevance import Relevance, relevance_of
from analysis.measure.relevance.shortlist import (
    USUAL_LENGTH,
    Shortlist,
    check_length,
    mean_relevance,
    mean_weights,
    shortlist_of,
)
from analysis.measure.relevance.signal_reader import MapOf, SignalReader
from analysis.measure.signals import CHANGE, DIVERGENCE, signals
from analysis.measure.trace import Trace
from analysis.measure.weight_settings import WeightSettings

_CHANGES = WeightSettings(signal=CHANGE, relative=True)


class RelevanceTracer(SignalReader):
    """A tracer that also reads signals, each as it is or over the adapter's usual one."""

    def relevance(
        self,
        asked: Prompt | Trace,
        adapters: Sequence[str] | None = None,
        settings: WeightSettings | None = None,
        progress: Progress | None = None,
    ) -> Relevance:
        """How much a query calls for each adapter.

        Args:
            asked: The query's prompt, or its trace, which then need not be made.
            adapters: Names of adapters; those of the trace, or all, by default.
            settings: The signal, and how it is read; the engine's by default.
            progress: Told how far the work is; an exception that it raises stops it.

        Raises:
            InputError: There is no such adapter, or the settings cannot be used.
        """
        settings = settings or self.settings
        settings.check()
        trace = asked if isinstance(asked, Trace) else None
        prompt = asked.prompt if isinstance(asked, Trace) else asked
        chosen = self._chosen(adapters or (trace.adapters if trace else None))
        signal = signals()[settings.signal]
        usual = self.usual(chosen, settings, progress) if settings.relative else None
        source = _Source(self, prompt, chosen, settings, trace, progress)
        return relevance_of(signal.read(source), usual)

    def kept_relevance(self, trace: Trace, settings: WeightSettings) -> Relevance | None:
        """The relevance of a trace's adapters, or None where that needs the model.

        The LM head may run, as for a divergence.
        """
        if not self.reads_without_model(trace.prompt, trace.adapters, settings):
            return None
        return self.relevance(trace, settings=settings)

    def reads_without_model(
        self, prompt: Prompt, adapters: tuple[str, ...], settings: WeightSettings
    ) -> bool:
        """Whether the relevance of a prompt that was traced can be read without the model."""
        signal = signals()[settings.signal]
        if settings.relative and self.kept_usual(adapters, settings) is None:
            return False
        return signal.of_trace or self.kept_module_mean(prompt, signal.name) is not None

    def usual(
        self,
        adapters: tuple[str, ...],
        settings: WeightSettings | None = None,
        progress: Progress | None = None,
    ) -> Baseline:
        """The usual signal of some adapters, over the bundled neutral queries.

        The first call for a signal of traces runs all rows on each neutral query, about a second
        each; that for a signal of the base alone some tenths of a second each.

        Args:
            adapters: Names of the adapters.
            settings: The signal, and how it is read; the engine's by default.
            progress: Told how far the work is.
        """
        settings = settings or self.settings
        kept = self.kept_usual(adapters, settings)
        if kept is not None:
            return kept
        if settings.signal == DIVERGENCE:
            return self.baseline(
                adapters, settings.lens, settings.position, settings.metric, progress
            )
        # One pass of the base serves all adapters.
        wide = adapters if signals()[settings.signal].of_trace else self.adapters
        usual = self._with_model(self._read_usual, wide, settings, progress=progress)
        self._keep_baseline(_usual_key(settings), wide, usual)
        return usual.among([wide.index(name) for name in adapters])

    def _read_usual(
        self, adapters: tuple[str, ...], settings: WeightSettings, progress: Progress | None
    ) -> Baseline:
        """Runs the model for the usual signal."""
        signal, found = signals()[settings.signal], []
        for query, told in each_neutral_query(progress):
            # Not kept: only the usual signal is asked for again.
            prompt = self.prompt(query)
            source = _Source(self, prompt, adapters, settings, progress=told, keep=False)
            found.append(signal.read(source).values_LK)
        values_QLK = torch.stack(found).double()
        return Baseline(values_QLK.mean(dim=0), values_QLK.std(dim=0), len(found))

    def kept_usual(self, adapters: tuple[str, ...], settings: WeightSettings) -> Baseline | None:
        """The usual signal of some adapters, or None where it is not kept; runs nothing."""
        if settings.signal == DIVERGENCE:
            return self.kept_baseline(adapters, settings.lens, settings.position, settings.metric)
        return self._baseline_of(_usual_key(settings), adapters)

    def shortlist(
        self,
        prompt: Prompt,
        adapters: Sequence[str] | None = None,
        count: int = USUAL_LENGTH,
        settings: WeightSettings | None = None,
        progress: Progress | None = None,
    ) -> Shortlist:
        """The adapters that are worth a row of their own.

        A signal of the base alone is read as it is; the score is the mean weight. The divergence
        and its like are estimated, with each adapter on the last tokens alone; see `preview`. The
        score is then the mean relevance. Where the signal is relative, the score is the adapter's
        share of the squared relative changes of modules, in the base alone.

        Args:
            prompt: The prompt.
            adapters: Names of the adapters to choose from; all by default.
            count: The length of the shortlist; all adapters are chosen where there are no more.
            settings: What the adapters are chosen by; the engine's settings by default.
            progress: Told how far the work is.

        Raises:
            InputError: There is no such adapter, or the settings or the length cannot be used.
        """
        settings = settings or self.settings
        settings.check()
        check_length(count)
        chosen = self._chosen(adapters)
        if len(chosen) <= count:
            return Shortlist(chosen)
        signal = signals()[settings.signal]
        if not signal.of_trace:
            found = self.relevance(prompt, chosen, settings, progress)
            return shortlist_of(chosen, mean_weights(found, settings), count)
        if settings.relative:
            changes = self.relevance(prompt, chosen, _CHANGES, progress)
            # A divergence grows about with the square of a change.
            return shortlist_of(chosen, normalise(changes.values_LK.square()).mean(dim=0), count)

        def told(_: str, share: float) -> None:
            if progress is not None:
                progress(f"choosing {count} of {len(chosen)} adapters", share)

        told("", 0.0)
        source = _Source(self, prompt, chosen, settings, progress=told, estimate=True)
        reading = signal.read(source)
        return shortlist_of(chosen, mean_relevance(relevance_of(reading, None)), count)


@dataclass(frozen=True)
class _Source:
    """One query, as signals read it; see `SignalSource`."""

    tracer: RelevanceTracer
    prompt: Prompt
    adapters: tuple[str, ...]
    settings: WeightSettings
    trace: Trace | None = None
    progress: Progress | None = None
    keep: bool = True
    estimate: bool = False

    def divergence(self, metric: Metric | None = None) -> Divergence:
        return self.tracer.compared(
            self.prompt,
            self.adapters,
            self.settings,
            metric or self.settings.metric,
            self.trace,
            self.progress,
            keep=self.keep,
            estimate=self.estimate,
        )

    def module_mean(self, name: str, map_of: MapOf, over: Literal["input", "output"]) -> Tensor:
        mean_LK = self.tracer.module_mean(
            self.prompt, name, map_of, over, self.progress, keep=self.keep
        )
        return mean_LK[:, [self.tracer.adapters.index(one) for one in self.adapters]]


def _usual_key(settings: WeightSettings) -> tuple[object, ...]:
    used = signals()[settings.signal].uses
    return "usual", settings.signal, *(getattr(settings, name) for name in used)
