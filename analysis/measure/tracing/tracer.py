"""Runs the model for traces: of a query, and of copies of an adapter."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ParamSpec, TypeVar

from analysis.common.errors import InputError
from analysis.common.limits import Limits, Owner
from analysis.common.progress import Progress
from analysis.inference.prompt import Message, Prompt
from analysis.inference.runner import ModelRunner
from analysis.inference.vocabulary import Vocabulary
from analysis.measure.checks.control_copies import COPY_FACTORS, copy_name
from analysis.measure.trace import Trace
from analysis.measure.tracing.owners import Owners
from analysis.measure.tracing.trace_reader import TraceReader
from analysis.measure.weight_settings import WeightSettings
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.collection import PromptForm
from analysis.models.manifest import choose_adapters

P = ParamSpec("P")
T = TypeVar("T")


class Tracer(TraceReader):
    """Traces prompts with a base and its adapters, and keeps the results for later requests.

    Args:
        runner: Runs the model.
        vocabulary: The model's tokenizer.
        prompt: The collection's prompt form, or None for the tokenizer's chat template.
        limits: The caps.
        settings: How divergences are read where a request does not say.
        facts: Facts about the adapters, with the fitted files of lenses.
    """

    def __init__(
        self,
        runner: ModelRunner,
        vocabulary: Vocabulary,
        prompt: PromptForm | None,
        limits: Limits,
        settings: WeightSettings,
        facts: AdapterFacts,
    ) -> None:
        super().__init__(runner.head, self.token, runner.kept, settings, facts, runner.resources)
        self.limits = limits
        self._runner = runner
        self._vocabulary = vocabulary
        self._prompt = prompt
        self._owners = Owners(runner.kept)

    @property
    def runner(self) -> ModelRunner:
        """Runs the model."""
        return self._runner

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of all adapters."""
        return self._runner.adapters

    def prompt(
        self, query: str | Sequence[Message], *, plain: bool = False, owner: Owner | None = None
    ) -> Prompt:
        """The prompt of a query.

        Args:
            query: A query, or messages that end with the user's.
            plain: Put nothing around the query but a begin token.
            owner: Whose question it is, where it is nobody else's: with `Limits.private` its
                results are kept for this visitor alone, and forgotten once the owner is collected.

        Raises:
            InputError: It cannot be read, or is too long.
        """
        prompt = self._vocabulary.prompt(
            self._prompt, query, plain=plain, most_tokens=self.limits.prompt_tokens
        )
        if owner is None or not self.limits.private:
            return prompt
        self._owners.add(owner)
        return replace(prompt, owner=owner.name)

    def forget_gone_owners(self) -> None:
        """Forgets the results of owners who have gone; a prompt of another owner does so, too."""
        self._owners.forget_gone()

    def token(self, token_id: int) -> str:
        """A token as text for people; not escaped."""
        return self._vocabulary.token(token_id)

    def trace(
        self,
        query: str | Sequence[Message] | Prompt,
        adapters: Sequence[str] | None = None,
        *,
        plain: bool = False,
        progress: Progress | None = None,
    ) -> Trace:
        """Runs the base and each adapter on a query, as the rows of one batch.

        Args:
            query: A query, messages that end with the user's, or a prompt.
            adapters: The adapters to run; all by default.
            plain: Put nothing around the query but a begin token.
            progress: Told after each layer; an exception that it raises stops the pass.

        Raises:
            InputError: The query or the adapters cannot be used.
        """
        chosen = self._chosen(adapters)
        prompt = query if isinstance(query, Prompt) else self.prompt(query, plain=plain)
        return self._trace(prompt, chosen, chosen, None, progress)

    def copies(self, trace: Trace, adapter: str, progress: Progress | None = None) -> Trace:
        """Runs one adapter of a trace beside its zero, duplicate and doubled copies.

        One forward pass of five rows; the adapters that are loaded stay as they are. The trace's
        divergence goes to `control_copies.compare_copies`.

        Args:
            trace: The trace whose prompt is run.
            adapter: The adapter that is copied.
            progress: Told after each layer; an exception that it raises stops the pass.

        Raises:
            InputError: The trace has no such adapter.
        """
        if adapter not in trace.adapters:
            raise InputError(
                f"There is no adapter {adapter!r}: take one of {', '.join(trace.adapters)}."
            )
        names = (adapter, *(copy_name(adapter, copy) for copy in COPY_FACTORS))
        scales = (1.0, *COPY_FACTORS.values())
        return self._trace(trace.prompt, names, (adapter,) * len(scales), scales, progress)

    def _trace(
        self,
        prompt: Prompt,
        names: tuple[str, ...],
        adapters: tuple[str, ...],
        scales: tuple[float, ...] | None,
        progress: Progress | None,
        *,
        keep: bool = True,
    ) -> Trace:
        """The trace that is kept under `names`; where there is none, one forward pass.

        Of several threads that ask for the same trace one runs the model; the others wait for it,
        whoever their owners are.
        """
        kept = self.kept_trace(prompt, names)
        if kept is not None:
            return kept

        def make() -> Trace:
            trace = self._with_model(
                self._traced, prompt, names, adapters, scales, progress=progress
            )
            if keep:
                self._keep_made(trace, scales)
            return trace

        if not keep:
            return make()
        trace = self._in_flight.once(
            (replace(prompt, owner=""), names),
            lambda: self.kept_trace(prompt, names),
            make,
            lambda: progress and progress("waiting for the same question", 0.0),
        )
        if trace.prompt.owner == prompt.owner:
            return trace
        own = replace(trace, prompt=prompt)
        self._keep_made(own, scales)
        return own

    def _traced(
        self,
        prompt: Prompt,
        names: tuple[str, ...],
        adapters: tuple[str, ...],
        scales: tuple[float, ...] | None,
        progress: Progress | None,
    ) -> Trace:
        """Runs the model for a trace."""
        began = time.perf_counter()
        places = [prompt.query_last, prompt.last]
        with self.background.paused():
            found = self._runner.trace(
                prompt.ids,
                adapters,
                places,
                progress,
                # The kept keys and values of a prefix belong to rows of weight 1.
                prefix=prompt.query_first if scales is None else 0,
                scales=scales,
            )
        seconds = time.perf_counter() - began
        trace = Trace(prompt, names, found.hidden_RLPD, seconds, found.module_inputs)
        self._scheduler.run(trace.check_finite, soon=True)
        return trace

    def _keep_made(self, trace: Trace, scales: tuple[float, ...] | None) -> None:
        if scales is None:
            self._keep_trace(trace)
        else:
            self._keep((trace.prompt, trace.adapters), trace)

    def _with_model(self, method: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Calls a method of this tracer that runs the model, and keeps nothing.

        A subclass may have an equal tracer call it in another process: arguments and result can be
        pickled, but for the progress, which is named.
        """
        return method(*arguments, **named)

    def _chosen(self, adapters: Sequence[str] | None) -> tuple[str, ...]:
        chosen = choose_adapters(adapters, self.adapters)
        self.limits.check_adapters(len(chosen))
        return chosen
