"""Reads the numbers that signals are made of: comparisons of rows, ratios at modules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor

from analysis.common.progress import Progress
from analysis.inference.prompt import Prompt
from analysis.measure.changes.map_norms import MapNorms, change_map, map_norms
from analysis.measure.divergence import Divergence, at_position
from analysis.measure.metrics import Metric, metric_of
from analysis.measure.relevance.baseline_tracer import BaselineTracer
from analysis.measure.relevance.module_means import ModuleMeans
from analysis.measure.relevance.preview import preview, previewed_layers
from analysis.measure.trace import BOTH, KEPT, Trace
from analysis.measure.weight_settings import WeightSettings
from analysis.models.adapters import Factor

# In an estimate adapters act on the tokens from the question's last one to the one that is read,
# and on at least so many.
_TAIL = 5

MapOf = Callable[[Factor], Tensor]
"""From A and B of a module to a small matrix, `[rank, inputs]` in float64."""


class SignalReader(BaselineTracer):
    """A tracer that also reads the numbers that signals are made of."""

    def compared(
        self,
        prompt: Prompt,
        adapters: tuple[str, ...],
        settings: WeightSettings,
        metric: str | Metric,
        trace: Trace | None = None,
        progress: Progress | None = None,
        *,
        keep: bool = True,
        estimate: bool = False,
    ) -> Divergence:
        """A comparison of base and adapters on a prompt.

        Args:
            prompt: The prompt.
            adapters: Names of the adapters.
            settings: Lens and position.
            metric: Compares two distributions.
            trace: The trace of the prompt, which then need not be made.
            progress: Told how far the work is.
            keep: Whether to keep trace and result.
            estimate: Whether a preview serves in the place of a trace: adapters act on the last
                tokens alone.
        """
        lens, position = settings.lens, settings.position
        if estimate:
            return self._preview(prompt, adapters, settings, metric_of(metric), progress)
        if keep:
            trace = trace or self.trace(prompt, adapters, progress=progress)
            return self.divergence(trace, lens, position, metric, progress)
        return self.compared_once(prompt, adapters, lens, position, metric, progress)

    def _preview(
        self,
        prompt: Prompt,
        adapters: tuple[str, ...],
        settings: WeightSettings,
        metric: Metric,
        progress: Progress | None,
    ) -> Divergence:
        place_of = {"query": prompt.query_last, "prompt": prompt.last}
        kept = KEPT if settings.position == BOTH else (settings.position,)
        places = [place_of[position] for position in kept]
        first = max(0, min(prompt.query_last, places[-1] + 1 - _TAIL))
        count = self._runner.layers
        begins = [self._runner.first_layer(name) for name in adapters]
        latest = max((layer for layer in begins if layer < count), default=0)
        layers = previewed_layers(count, latest)
        with self.background.paused():
            states_RLPD = self._runner.tail_states(
                prompt.ids, adapters, places, first, layers[-1] + 1, progress
            )
            lens = self._lens(settings.lens)
            read = partial(preview, states_RLPD, layers, self._head, lens, metric, kept)
            found = self._scheduler.run(read, soon=True)
            return at_position(settings.position, lambda position, _: found[position])

    def module_mean(
        self,
        prompt: Prompt,
        name: str,
        map_of: MapOf,
        over: Literal["input", "output"],
        progress: Progress | None = None,
        *,
        keep: bool = True,
    ) -> Tensor:
        """A ratio at the adapted modules in the base alone; see `SignalSource.module_mean`.

        One pass of the base serves all loaded adapters.

        Returns:
            Of all adapters, `[layers, all adapters]` in float64.
        """
        kept = self.kept_module_mean(prompt, name)
        if kept is not None:
            return kept
        if progress is not None:
            progress("reading the base's modules", 0.0)
        end = prompt.query_last + 1
        tokens = slice(prompt.query_first, end)
        means = ModuleMeans(
            self._maps(name, map_of),
            self.adapters,
            self._runner.layers,
            tokens,
            over_output=over == "output",
        )
        with self.background.paused():
            # A state depends on its own token and those before it: the rest need not run.
            self._runner.base.read_modules(prompt.ids[:end], means.read)
        mean_LK = means.mean_LK()
        if keep:
            self._keep(_mean_key(prompt, name), mean_LK)
        return mean_LK

    def _maps(self, name: str, map_of: MapOf) -> MapNorms:
        if map_of is change_map:
            return self.change_norms()
        return self.facts.derived(
            ("maps", name),
            lambda: map_norms({one: self.facts.factors(one) for one in self.adapters}, map_of),
        )

    def kept_module_mean(self, prompt: Prompt, name: str) -> Tensor | None:
        """The ratio of that name, or None where it is not kept; runs nothing."""
        kept: Tensor | None = self._kept.get(_mean_key(prompt, name))
        return kept


def _mean_key(prompt: Prompt, name: str) -> tuple[object, ...]:
    return prompt, name, "module mean"
