"""The engine: traces and answers within limits, and keeps the results for later requests."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import replace
from functools import partial
from typing import Any, cast

from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from analysis.common.cache import ByteCache
from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.common.progress import Progress
from analysis.common.texts.said import say
from analysis.inference.checks.prompt_check import check_prompts, check_stop_texts
from analysis.inference.decoding.answering import Answering, Decoding
from analysis.inference.decoding.answers import Answer, answer_all
from analysis.inference.decoding.kept_answers import KeptAnswers
from analysis.inference.decoding.next_tokens import NextToken
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.mixing.policies import Policy
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt
from analysis.inference.runner import ModelRunner
from analysis.inference.vocabulary import Vocabulary
from analysis.measure.checks.collection_check import check_collection
from analysis.measure.context import Context
from analysis.measure.relevance.relevance_tracer import RelevanceTracer
from analysis.measure.trace import Trace
from analysis.measure.weight_settings import WeightSettings, default_settings
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.adapters import Adapter, check_files, load_adapters
from analysis.models.bases.base_model import load_base
from analysis.models.collection import AdapterEntry, Collection, PromptForm
from analysis.models.fitted import FittedFiles
from analysis.models.inspection.inspection import Inspection, inspect_adapter
from analysis.models.provenance import Computation


class Engine(RelevanceTracer):
    """Answers every question about one base model and its adapters, for any number of requests.

    Results are kept, read-only, for later requests with the same question.

    Args:
        model: The base model, in evaluation mode.
        tokenizer: Its tokenizer.
        adapters: The adapters, from `load_adapter`.
        prompt: The collection's prompt form, or None for the tokenizer's chat template.
        limits: The caps.
        settings: How contexts read divergences where a request does not say; the paper's way by
            default.
        fitted_files: The fitted files of the collection; none by default.
        beside: An engine of the same model and tokenizer, with which this one takes turns.

    Attributes:
        loaded: The adapters.
        kept_answers: Answers that were kept; whoever runs `answer` asks here first.

    Raises:
        InputError: The model is of a family whose parts cannot be found or whose numbers would be
            others, or the tokenizer and the prompt form do not fit the model.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        adapters: Sequence[Adapter] = (),
        prompt: PromptForm | None = None,
        limits: Limits | None = None,
        settings: WeightSettings | None = None,
        fitted_files: FittedFiles | None = None,
        beside: Engine | None = None,
    ) -> None:
        limits = limits or Limits()
        vocabulary = beside._vocabulary if beside else Vocabulary(tokenizer)
        kept = ByteCache(limits.kept_bytes)
        words = len(cast(Sized, model.get_input_embeddings().weight))
        ends = check_prompts(vocabulary, prompt, words)
        scheduler = beside._runner.scheduler if beside else None
        runner = ModelRunner(model, vocabulary, adapters, limits, kept, ends, scheduler)
        facts = AdapterFacts(adapters, fitted_files)
        super().__init__(
            runner, vocabulary, prompt, limits, kept, settings or WeightSettings(), facts
        )
        self.kept_answers = KeptAnswers(limits.answer_bytes, runner.adapters)
        self.loaded = tuple(adapters)
        self._tokenizer = tokenizer

    @classmethod
    def load(
        cls,
        collection: Collection,
        progress: Progress | None = None,
        dtype: str = "float32",
        device: str | None = None,
        limits: Limits | None = None,
    ) -> Engine:
        """Loads a collection's base model and adapters.

        Args:
            collection: The collection to load.
            progress: Told how far the loading is.
            dtype: One of `base_model.DTYPES`.
            device: The device, such as `cpu`; by default the GPUs where there are any, or the CPU.
            limits: The caps.

        Raises:
            InputError: One of them cannot be used; the message says which and why.
        """
        check_collection(collection)
        report = progress or (lambda what, share: None)
        for entry in collection.adapters:
            check_files(entry)  # before the base, which takes long to load
        report(say("loading the base model"), 0.0)
        model, tokenizer = load_base(collection.base, progress, dtype, device)
        adapters = load_adapters(model, collection.adapters, report)
        engine = cls(
            model,
            tokenizer,
            adapters,
            collection.prompt,
            limits,
            settings=default_settings(collection),
            fitted_files=FittedFiles(collection.folder, collection.base, collection.adapters),
        )
        report("ready", 1.0)
        return engine

    def with_collection(self, collection: Collection, progress: Progress | None = None) -> Engine:
        """An engine of the same base with the adapters of another collection.

        Requests of this engine go on undisturbed, and the model is not loaded again. An adapter
        that both have, known by its content, is not read again.

        Args:
            collection: The collection; its base is this one's.
            progress: Told how far the loading is.

        Raises:
            InputError: An adapter cannot be used.
        """
        check_collection(collection)
        model, report = self._runner.model, progress or (lambda what, share: None)
        return Engine(
            model,
            self._tokenizer,
            load_adapters(model, collection.adapters, report, self.loaded),
            collection.prompt,
            self.limits,
            default_settings(collection),
            FittedFiles(collection.folder, collection.base, collection.adapters),
            beside=self,
        )

    def equal_on(self, device: str) -> Callable[[], Engine]:
        """What makes an equal engine, which keeps no results, in a process that is forked later.

        Args:
            device: The device of its model.
        """
        # Modules of its own around the same tensors: the fork may meet the hooks of a pass that
        # this engine runs just then.
        model = self._runner.model
        tensors = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
        own = copy.deepcopy(model, cast(dict[int, Any], tensors))

        def make() -> Engine:
            own.to(device)  # type: ignore[arg-type]
            return Engine(
                own,
                self._tokenizer,
                self.loaded,
                self._prompt,
                replace(self.limits, kept_bytes=0, answer_bytes=0),
                self.settings,
                self.facts.fitted_files,
            )

        return make

    def inspect(self, entry: AdapterEntry, base: str = "") -> Inspection:
        """Looks into an adapter, which need not be loaded, against this base.

        Args:
            entry: The adapter.
            base: Name of the base.
        """
        return inspect_adapter(entry, self._runner.model, base, self.loaded)

    @property
    def computation(self) -> Computation:
        """Precision and device of the base model."""
        return Computation(self._runner.dtype, self._runner.device)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The base's linears that adapters cover, by name."""
        return self._runner.modules

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._runner.layers

    def context(
        self,
        prompt: Prompt | Trace,
        adapters: Sequence[str] | None = None,
        settings: WeightSettings | None = None,
        *,
        progress: Progress | None = None,
    ) -> Context:
        """The facts that fusion methods may use for a prompt; nothing is computed yet.

        Args:
            prompt: A prompt, or a trace of it, which then need not be made.
            adapters: The adapters to fuse; by default those of the trace, or all.
            settings: How divergences are read and turned into weights; the engine's by default.
            progress: Told how far the work is, once a method asks for a fact.

        Raises:
            InputError: There is no such adapter, or the settings cannot be used.
        """
        settings = settings or self.settings
        settings.check()
        if isinstance(prompt, Prompt):
            return Context(prompt, self._chosen(adapters), settings, self, progress)
        trace = prompt
        if adapters is not None and tuple(adapters) != trace.adapters:
            raise InputError(
                f"The trace is of {', '.join(trace.adapters)}, not of {', '.join(adapters)}: trace "
                "these adapters."
            )
        return Context(trace.prompt, trace.adapters, settings, self, progress, trace)

    def answer(
        self,
        prompt: Prompt,
        rows: Sequence[Row],
        *,
        new_tokens: int = 128,
        sampling: Sampling | None = None,
        stop: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> Answering:
        """Answers a prompt once for each row, in lock step.

        Nothing runs until the first step is asked for, and nothing runs on once no more are:
        closing the iterator leaves the model as it was.

        Args:
            prompt: The prompt of all rows.
            rows: The rows.
            new_tokens: The longest an answer may get.
            sampling: How tokens are chosen; the most probable by default.
            stop: Texts that end an answer; the collection's by default.
            progress: Told now and then while the answers wait to begin, for memory or for others
                who ask the same; an exception that it raises ends them.

        Returns:
            An iterator over steps that also knows the weights each row had.

        Raises:
            InputError: More is asked for than the limits allow, or of unknown adapters.
        """
        self.limits.check_answer(len(prompt.ids), len(rows), new_tokens)
        check_stop_texts(self._vocabulary, stop or ())
        decoding = self._with_model(
            self._decode,
            prompt.ids,
            self._policies(rows),
            new_tokens,
            sampling or Sampling(),
            self._stop(prompt) if stop is None else tuple(stop),
            progress=progress,
        )
        return Answering(decoding, self.background)

    def _decode(
        self,
        ids: tuple[int, ...],
        policies: Sequence[Policy],
        new_tokens: int,
        sampling: Sampling,
        stop: tuple[str, ...],
        progress: Progress | None,
    ) -> Decoding:
        """Runs the model for answers, from the first step that is asked for."""
        prompts = [ids] * len(policies)
        told = partial(_wait, progress, "waiting to answer")
        return self._runner.decode(prompts, policies, new_tokens, sampling, stop, told)

    def next_tokens(
        self,
        prompt: Prompt,
        said: Sequence[int],
        rows: Sequence[Row],
        count: int = 5,
        also: Sequence[int] = (),
        progress: Progress | None = None,
    ) -> list[tuple[NextToken, ...]]:
        """What rows would say next, after the same beginning of an answer; one forward pass.

        Args:
            prompt: The prompt of all rows.
            said: Token ids of the beginning that all rows have said.
            rows: The rows.
            count: How many of the most probable tokens of each row.
            also: Token ids that each row gives in any case.
            progress: Told now and then while it waits; an exception that it raises stops the work.

        Returns:
            For each row its tokens, the most probable first.

        Raises:
            InputError: More is asked for than the limits allow, or of unknown adapters.
        """
        self.limits.check_answer(len(prompt.ids), len(rows), len(said) + 1)
        policies = self._policies(rows)
        with self.background.paused():
            ids = (*prompt.ids, *said)
            return self._with_model(
                self._next_tokens, ids, policies, count, tuple(also), progress=progress
            )

    def _next_tokens(
        self,
        ids: tuple[int, ...],
        policies: Sequence[Policy],
        count: int,
        also: tuple[int, ...],
        progress: Progress | None,
    ) -> list[tuple[NextToken, ...]]:
        """Runs the model for the next tokens."""
        told = partial(_wait, progress, "waiting for the next tokens")
        return self._runner.next_tokens(ids, policies, count, also, told)

    def answer_all(
        self,
        prompts: Sequence[Prompt],
        rows: Sequence[Row],
        *,
        new_tokens: int = 128,
        batch_rows: int = 25,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """The most probable answer to each of many prompts, each with a row of its own.

        Where a row ends, the next prompt takes its place. Rows get the answers that they would get
        alone.

        Args:
            prompts: The prompts.
            rows: A row for each prompt.
            new_tokens: The longest an answer may get.
            batch_rows: How many are decoded together.
            progress: Told after each step; an exception that it raises stops the work.

        Raises:
            InputError: A row cannot be run, or an answer is longer than the limits allow.
        """
        policies = self._policies(rows)
        for prompt in prompts:
            self.limits.check_answer(len(prompt.ids), 1, new_tokens)
        stops = [self._stop(prompt) for prompt in prompts]
        with self.background.paused():
            return answer_all(
                self._runner, prompts, policies, stops, new_tokens, batch_rows, progress
            )

    def answer_losses(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[Sequence[int]],
        rows: Sequence[Row],
        *,
        differentiable: bool = False,
    ) -> list[Tensor]:
        """The cross-entropy of given answers to prompts, each with a row of its own.

        Args:
            prompts: The prompts.
            answers: Token ids of each answer.
            rows: A row for each prompt.
            differentiable: Keep what gradients for the parameters of rules need.

        Returns:
            For each answer the losses of its tokens in nats, `[tokens]` in float32.

        Raises:
            InputError: A row cannot be run.
        """
        ids, policies = [prompt.ids for prompt in prompts], self._policies(rows)
        with self.background.paused():
            return self._runner.answer_losses(ids, answers, policies, differentiable=differentiable)

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a whole answer: its text, then the end token."""
        return self._vocabulary.answer_ids(text)

    def _policies(self, rows: Sequence[Row]) -> list[Policy]:
        """The policies of rows, which this engine can run."""
        for row in rows:
            row.check(self.adapters, self.layers)
        return [row.policy for row in rows]

    def _stop(self, prompt: Prompt) -> tuple[str, ...]:
        return self._prompt.stop if self._prompt and prompt.frame == "form" else ()


def _wait(progress: Progress | None, what: str) -> None:
    if progress is not None:
        progress(what, 0.0)
