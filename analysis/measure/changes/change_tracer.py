"""Runs the base alone for the sizes of the adapters' changes: of a trace, of neutral queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from torch import Tensor

from analysis.common.progress import Progress
from analysis.measure.baseline import each_neutral_query
from analysis.measure.changes.changes import Changes, changes_of
from analysis.measure.changes.map_norms import MapNorms, change_norms
from analysis.measure.changes.neutral import NeutralChanges, neutral_changes
from analysis.measure.trace import Trace
from analysis.measure.tracing.token_tracer import TokenTracer
from analysis.models.adapter_facts import AdapterFacts

_NEUTRAL_KEY = ("neutral changes",)


class ChangeTracer(TokenTracer):
    """A tracer that also measures the adapters' changes of single modules.

    Attributes:
        facts: Facts about the adapters; the engine sets it.
    """

    facts: AdapterFacts

    def change_norms(self) -> MapNorms:
        """Computes `‖ΔW x‖` of all adapters in all their modules; made once."""
        return self.facts.derived(
            "change norms",
            lambda: change_norms({name: self.facts.factors(name) for name in self.adapters}),
        )

    def changes(self, trace: Trace) -> Changes:
        """The changes of a trace's adapters at the kept positions.

        The first call for a trace multiplies its inputs with the base's weights: about as much
        reading of memory as one step of decoding.
        """
        key = (trace.prompt, trace.adapters, "changes")
        kept: Changes | None = self._kept.get(key)
        if kept is not None:
            return kept
        with self.background.paused():
            changes = self._changes(trace.module_inputs, trace.adapters)
        self._keep(key, changes)
        return changes

    def neutral(
        self, adapters: tuple[str, ...], progress: Progress | None = None
    ) -> NeutralChanges:
        """The usual changes of some adapters, over the bundled neutral queries.

        The first call runs the base on each of the queries, for all adapters at once.

        Args:
            adapters: Names of the adapters.
            progress: Told how far the work is.
        """
        chosen = self._chosen(adapters)
        kept: NeutralChanges | None = self._kept.get(_NEUTRAL_KEY)
        if kept is None:
            kept = self._with_model(self._neutral, progress=progress)
            self._keep(_NEUTRAL_KEY, kept)
        return kept.of(chosen)

    def _neutral(self, progress: Progress | None) -> NeutralChanges:
        sizes = self.change_norms()
        norms: dict[str, list[Tensor]] = defaultdict(list)
        changes = []
        for query, told in each_neutral_query(progress):
            prompt = self.prompt(query)
            tokens = range(1, len(prompt.ids))
            with self.background.paused():
                found = self._runner.trace(prompt.ids, (), tokens, told).module_inputs
                rescaled = {name: x_TI for name, x_TI in found.items() if name in sizes.rescaled}
                own = self._runner.base.outputs(rescaled)
                for name, x_TI in found.items():
                    size_TK = sizes.norms(name, x_TI, self.adapters, own_NO=own.get(name))
                    norms[name].append(size_TK.cpu())
                kept = [tokens.index(place) for place in (prompt.query_last, prompt.last)]
                inputs = {module: x_TI[kept] for module, x_TI in found.items()}
                changes.append(self._changes(inputs, self.adapters))
        return neutral_changes(self.adapters, norms, changes)

    def _changes(self, inputs: Mapping[str, Tensor], adapters: tuple[str, ...]) -> Changes:
        outputs = self._runner.base.outputs(inputs)
        return changes_of(inputs, outputs, self.change_norms(), adapters, self._runner.layers)
