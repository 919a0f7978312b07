"""Reads the usual divergence of adapters, over neutral queries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from analysis.common.progress import Progress, part_of
from analysis.inference.prompt import Prompt
from analysis.measure.baseline import Baseline, baseline_of, each_neutral_query
from analysis.measure.changes.change_tracer import ChangeTracer
from analysis.measure.divergence import Divergence, at_position, measure
from analysis.measure.metrics import Metric
from analysis.measure.trace import Trace


class BaselineTracer(ChangeTracer):
    """A tracer that also knows what divergence is usual for an adapter."""

    def baseline(
        self,
        adapters: Sequence[str],
        lens: str | None = None,
        position: str | None = None,
        metric: str | Metric | None = None,
        progress: Progress | None = None,
    ) -> Baseline:
        """The usual divergence of some adapters, over the bundled neutral queries.

        It is read once for these adapters and every part of them.

        Args:
            adapters: Names of the adapters.
            lens: The lens; the settings' by default.
            position: The position; the settings' by default.
            metric: The metric, by its name or itself; the settings' by default.
            progress: Told how far the work is.
        """
        chosen = self._chosen(adapters)
        lens, position = lens or self.settings.lens, position or self.settings.position
        metric = metric or self.settings.metric
        kept = self.kept_baseline(chosen, lens, position, metric)
        if kept is not None:
            return kept
        baseline = self._with_model(
            self._read_baseline, chosen, lens, position, metric, progress=progress
        )
        self._keep_baseline(("baseline", lens, position, metric), chosen, baseline)
        return baseline

    def _read_baseline(
        self,
        adapters: tuple[str, ...],
        lens: str,
        position: str,
        metric: str | Metric,
        progress: Progress | None,
    ) -> Baseline:
        """Runs the model and the LM head for the usual divergence."""
        found = []
        for query, told in each_neutral_query(progress):
            # Not kept: only the baseline is asked for again, and visitors' traces are worth more.
            prompt = self.prompt(query)
            found.append(self.compared_once(prompt, adapters, lens, position, metric, told))
        return baseline_of(found)

    def kept_baseline(
        self, adapters: tuple[str, ...], lens: str, position: str, metric: str | Metric
    ) -> Baseline | None:
        """The usual divergence of some adapters, or None where it is not kept; runs nothing."""
        return self._baseline_of(("baseline", lens, position, metric), adapters)

    def _baseline_of(self, what: tuple[object, ...], adapters: tuple[str, ...]) -> Baseline | None:
        """A kept baseline of these adapters, or the part of one of more adapters, or None."""
        kept: Baseline | None = self._kept.get((*what, adapters))
        if kept is not None:
            return kept
        wider: tuple[str, ...] = self._kept.get((*what, "widest")) or ()
        if not set(adapters) <= set(wider):
            return None
        wide: Baseline | None = self._kept.get((*what, wider))
        return wide and wide.among([wider.index(name) for name in adapters])

    def _keep_baseline(
        self, what: tuple[object, ...], adapters: tuple[str, ...], baseline: Baseline
    ) -> None:
        """Keeps a baseline, of whose adapters any can be read again."""
        self._keep((*what, adapters), baseline)
        self._keep_widest(
            (*what, "widest"), adapters, lambda widest: self._kept.get((*what, widest))
        )

    def compared_once(
        self,
        prompt: Prompt,
        adapters: tuple[str, ...],
        lens: str,
        position: str,
        metric: str | Metric,
        progress: Progress | None = None,
    ) -> Divergence:
        """A comparison of base and adapters on a prompt; neither it nor its trace is kept."""
        tracing = progress and part_of(progress, 0, 2)
        trace = self._trace(prompt, adapters, adapters, None, tracing, keep=False)
        reading = progress and part_of(progress, 1, 2)
        with self.background.paused(), self._reading(reading):
            return at_position(position, partial(self._read, trace, lens, metric), reading)

    def _read(
        self,
        trace: Trace,
        lens: str,
        metric: str | Metric,
        position: str,
        progress: Progress | None,
    ) -> Divergence:
        """The divergence at a kept position, read anew and not kept."""
        (found,) = measure(
            trace,
            self._runner.head,
            self._lens(lens),
            position,
            (metric,),
            progress,
            self._scheduler.each,
        )
        return found
