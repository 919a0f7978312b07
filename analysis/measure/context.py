"""Contexts: the facts that a fusion method may use. Each is computed when a method asks for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    # The page lists the methods before torch is imported.
    from torch import Tensor

    from analysis.common.progress import Progress
    from analysis.inference.prompt import Prompt
    from analysis.measure.baseline import Baseline
    from analysis.measure.changes.changes import Changes
    from analysis.measure.changes.map_norms import MapNorms
    from analysis.measure.changes.neutral import NeutralChanges
    from analysis.measure.divergence import Divergence
    from analysis.measure.relevance.relevance import Relevance
    from analysis.measure.trace import Trace
    from analysis.measure.weight_settings import WeightSettings
    from analysis.models.adapter_facts import AdapterFacts
    from analysis.models.adapters import Factor
    from analysis.models.collection import Kind
    from analysis.models.fitted import Fitted

T = TypeVar("T")


class ContextEngine(Protocol):
    """The parts of an engine that a context reads."""

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of all adapters."""

    @property
    def layers(self) -> int:
        """Number of layers."""

    @property
    def facts(self) -> AdapterFacts:
        """Facts about the adapters that no query changes."""

    def trace(
        self, query: Prompt, adapters: tuple[str, ...], *, progress: Progress | None = None
    ) -> Trace:
        """The trace of a prompt, kept or made now."""

    def divergence(
        self,
        trace: Trace,
        lens: str,
        position: str,
        metric: str,
        progress: Progress | None = None,
    ) -> Divergence:
        """The divergence of a trace's adapters."""

    def relevance(
        self,
        asked: Prompt | Trace,
        adapters: tuple[str, ...],
        settings: WeightSettings,
        progress: Progress | None = None,
    ) -> Relevance:
        """How much a query calls for each adapter."""

    def representation(self, prompt: Prompt) -> Tensor:
        """The base's mean last-layer state over a query's tokens."""

    def baseline(
        self,
        adapters: tuple[str, ...],
        lens: str,
        position: str,
        metric: str,
        progress: Progress | None = None,
    ) -> Baseline:
        """The usual divergence of some adapters."""

    def change_norms(self) -> MapNorms:
        """Computes `‖ΔW x‖` of all adapters."""

    def changes(self, trace: Trace) -> Changes:
        """The sizes of the changes of a trace's adapters."""

    def neutral(
        self, adapters: tuple[str, ...], progress: Progress | None = None
    ) -> NeutralChanges:
        """The usual sizes of some adapters' changes."""


@dataclass(frozen=True)
class Context:
    """The facts that a fusion method may use for one query.

    `Engine.context` makes contexts. The engine computes each fact when a method asks for it, and
    keeps it, so that several methods share it.

    Attributes:
        prompt: The prompt.
        adapters: Names of the adapters to fuse.
        settings: How divergences are read and turned into weights.
        engine: Computes and keeps the facts.
        progress: Told how far the work is.
        trace: The trace of the prompt where it was made already; None where a method that needs it
            has it made.
    """

    prompt: Prompt
    adapters: tuple[str, ...]
    settings: WeightSettings
    engine: ContextEngine = field(repr=False)
    progress: Progress | None = field(default=None, repr=False)
    trace: Trace | None = field(default=None, repr=False)

    @property
    def available(self) -> tuple[str, ...]:
        """Names of all adapters that are loaded."""
        return self.engine.adapters

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self.engine.layers

    def divergence(
        self, *, lens: str | None = None, position: str | None = None, metric: str | None = None
    ) -> Tensor:
        """How far each adapter moves the base, `[layers, adapters]` in float64.

        Args:
            lens: A lens; that of the settings by default.
            position: A position; that of the settings by default.
            metric: A metric; that of the settings by default.
        """
        used = self.settings
        found = self.engine.divergence(
            self._trace(),
            lens or used.lens,
            position or used.position,
            metric or used.metric,
            self.progress,
        )
        return found.values_LK

    def relevance(self) -> Tensor:
        """How much the query calls for each adapter, `[layers, adapters]` in float64.

        This is the signal of the settings, or its ratio to the adapter's usual one.
        """
        asked = self.trace or self.prompt
        return self.engine.relevance(asked, self.adapters, self.settings, self.progress).values_LK

    def module_inputs(self, position: str = "query") -> Mapping[str, Tensor]:
        """The input of each adapted module, in the base alone, at one token.

        Args:
            position: A kept position.

        Returns:
            `[inputs]` by name of the module.
        """
        return self._trace().module_inputs_at(position)

    def representation(self) -> Tensor:
        """The base's mean last-layer state over the query's tokens, `[width]` in float64."""
        return self.engine.representation(self.prompt)

    def factors(self, adapter: str) -> Mapping[str, Factor]:
        """A and B of an adapter, by name of the module."""
        return self.engine.facts.factors(adapter)

    def kinds(self) -> tuple[Kind, ...]:
        """Whether each adapter is for a language, a task, or neither."""
        return tuple(self.engine.facts.kind(adapter) for adapter in self.adapters)

    def fitted(self, name: str) -> Fitted | None:
        """A fitted file of the collection, such as `methods/cat.safetensors`, or None.

        Raises:
            InputError: It is damaged, or was made for another base or with other adapters.
        """
        return self.engine.facts.fitted(name)

    def delta_norms(self) -> Tensor:
        """`‖ΔW‖` of each adapter over all its modules, `[adapters]` in float64."""
        import torch

        norms = [self.engine.facts.delta_norm(adapter) for adapter in self.adapters]
        return torch.tensor(norms, dtype=torch.float64)

    def baseline(
        self, *, lens: str | None = None, position: str | None = None, metric: str | None = None
    ) -> Baseline:
        """The usual divergence of each adapter, over the bundled neutral queries.

        The first call of an engine traces all neutral queries: about a second each.
        """
        used = self.settings
        return self.engine.baseline(
            self.adapters,
            lens or used.lens,
            position or used.position,
            metric or used.metric,
            self.progress,
        )

    def relative_change(self, position: str | None = None) -> Tensor:
        """`‖ΔW x‖ / ‖W x‖`, `[layers, adapters]` in float64, with x the base's input of a module.

        It is the mean over the modules that an adapter changes in the layer; 0 where there is none.

        Args:
            position: A position; that of the settings by default.
        """
        return self.engine.changes(self._trace()).relative(position or self.settings.position)

    def change_norms(self) -> MapNorms:
        """Computes `‖ΔW x‖` of all loaded adapters for any input of a module."""
        return self.engine.change_norms()

    def neutral(self) -> NeutralChanges:
        """The usual size of each adapter's changes, over the bundled neutral queries.

        The first call of an engine runs the base on all neutral queries: some tenths of a second
        each.
        """
        return self.engine.neutral(self.adapters, self.progress)

    def derived(self, key: Hashable, make: Callable[[], T]) -> T:
        """A value that follows from the adapters alone: made once for each engine, then kept.

        Args:
            key: Names the value: the method, and the adapters that the value depends on.
            make: Makes the value.
        """
        return self.engine.facts.derived(key, make)

    def _trace(self) -> Trace:
        if self.trace is not None:
            return self.trace
        return self.engine.trace(self.prompt, self.adapters, progress=self.progress)
