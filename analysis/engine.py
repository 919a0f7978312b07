"""The engine: traces and answers within limits, and keeps the results for later requests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from analysis.common.cache import ByteCache
from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.common.progress import Progress
from analysis.inference.decoding.answering import Answering
from analysis.inference.decoding.answers import Answer, answer_all
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Message, Prompt
from analysis.inference.runner import ModelRunner
from analysis.inference.vocabulary import Vocabulary
from analysis.measure.baseline import Baseline, baseline_of, neutral_queries
from analysis.measure.collection_check import check_collection
from analysis.measure.context import Context
from analysis.measure.control_copies import COPY_FACTORS, copy_name
from analysis.measure.divergence import Divergence, at_position, measure
from analysis.measure.every_token import EveryToken, read_every
from analysis.measure.lenses import check_lens
from analysis.measure.metrics import check_metrics
from analysis.measure.trace import Trace
from analysis.measure.trace_reader import TraceReader
from analysis.measure.weight_settings import WeightSettings, default_settings
from analysis.models.adapter_checks import check_files
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.adapters import Adapter, load_adapter
from analysis.models.base_model import load_base
from analysis.models.manifest import Collection, PromptForm, choose_adapters
from analysis.models.provenance import Computation


class Engine(TraceReader):
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

    Raises:
        InputError: The model is of a family whose parts cannot be found.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        adapters: Sequence[Adapter] = (),
        prompt: PromptForm | None = None,
        limits: Limits | None = None,
        settings: WeightSettings | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._vocabulary = Vocabulary(tokenizer)
        self._prompt = prompt
        self.facts = AdapterFacts(adapters)
        kept = ByteCache(self.limits.kept_bytes)
        self._runner = ModelRunner(model, self._vocabulary, adapters, self.limits, kept)
        super().__init__(self._runner.head, self.token, kept, settings or WeightSettings())

    @classmethod
    def load(
        cls,
        collection: Collection,
        progress: Progress | None = None,
        dtype: str = "float32",
        device: str | None = None,
    ) -> Engine:
        """Loads a collection's base model and adapters.

        Args:
            collection: Which.
            progress: Told how far the loading is.
            dtype: One of `base_model.DTYPES`.
            device: The device, such as `cpu`; by default the GPUs where there are any, or the CPU.

        Raises:
            InputError: One of them cannot be used; the message says which and why.
        """
        check_collection(collection)
        report = progress or (lambda what, share: None)
        for entry in collection.adapters:
            check_files(entry)  # before the base, which takes long to load
        report("loading the base model", 0.0)
        model, tokenizer = load_base(collection.base, progress, dtype, device)
        adapters = []
        for index, entry in enumerate(collection.adapters):
            report(f"loading adapter {entry.name}", index / len(collection.adapters))
            adapters.append(load_adapter(model, entry))
        engine = cls(
            model, tokenizer, adapters, collection.prompt, settings=default_settings(collection)
        )
        report("ready", 1.0)
        return engine

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of all adapters."""
        return self._runner.adapters

    @property
    def computation(self) -> Computation:
        """Precision and device of the base model."""
        return Computation(self._runner.dtype, self._runner.device)

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._runner.layers

    def prompt(self, query: str | Sequence[Message], *, plain: bool = False) -> Prompt:
        """The prompt of a query.

        Args:
            query: A query, or messages that end with the user's.
            plain: Put nothing around the query but a begin token.

        Raises:
            InputError: It cannot be read, or is too long.
        """
        return self._vocabulary.prompt(
            self._prompt, query, plain=plain, most_tokens=self.limits.prompt_tokens
        )

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
            adapters: Which to run; all by default.
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
            trace: Whose prompt is run.
            adapter: Which adapter.
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
        """The trace that is kept under `names`; where there is none, one forward pass."""
        kept = self.kept_trace(prompt, names)
        if kept is not None:
            return kept
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
        if keep:
            self._keep((prompt, names), trace)
        return trace

    def every_token(
        self,
        prompt: Prompt,
        adapters: Sequence[str] | None = None,
        lens: str = "norm",
        metric: str = "kl",
        progress: Progress | None = None,
    ) -> EveryToken:
        """The divergence at every token of a prompt.

        Runs the model and the LM head on every state: seconds to minutes. The states in memory at
        a time take at most `Limits.state_bytes`, or those of one token.

        Raises:
            InputError: The prompt is too long for it, or a name is not there.
        """
        chosen = self._chosen(adapters)
        self.limits.check_every_token(len(prompt.ids))
        kept = self.kept_every_token(prompt, chosen, lens, metric)
        if kept is not None:
            return kept
        check_lens(lens)
        check_metrics((metric,))
        part = max(1, self.limits.state_bytes // self._runner.token_bytes(1 + len(chosen)))

        def states(places: range, told: Progress) -> Tensor:
            # A state depends on its own token and those before it: the tokens behind need not run.
            return self._runner.hidden(prompt.ids[: places.stop], chosen, places, told)

        with self.background.paused():
            every = read_every(
                prompt, chosen, states, part, self._runner.head, lens, metric, progress
            )
        self._keep((prompt, chosen, lens, metric, "every token"), every)
        return every

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

    def baseline(
        self,
        adapters: Sequence[str],
        lens: str | None = None,
        position: str | None = None,
        metric: str | None = None,
        progress: Progress | None = None,
    ) -> Baseline:
        """The usual divergence of some adapters, over the bundled neutral queries.

        Args:
            adapters: Names of the adapters.
            lens: The lens; the settings' by default.
            position: The position; the settings' by default.
            metric: The metric; the settings' by default.
            progress: Told how far the work is.
        """
        chosen = self._chosen(adapters)
        lens, position = lens or self.settings.lens, position or self.settings.position
        metric = metric or self.settings.metric
        key = ("baseline", chosen, lens, position, metric)
        kept: Baseline | None = self._kept.get(key)
        if kept is not None:
            return kept
        queries = neutral_queries()
        found = []
        for number, query in enumerate(queries):
            if progress is not None:
                progress(f"neutral query {number + 1} of {len(queries)}", number / len(queries))
            # Not kept: only the baseline is asked for again, and visitors' traces are worth more.
            trace = self._trace(self.prompt(query), chosen, chosen, None, None, keep=False)
            with self.background.paused():
                found.append(at_position(position, partial(self._read, trace, lens, metric)))
        baseline = baseline_of(found)
        self._kept.put(key, baseline, 2 * baseline.mean_LK.nbytes)
        return baseline

    def _read(
        self, trace: Trace, lens: str, metric: str, position: str, progress: Progress | None
    ) -> Divergence:
        """The divergence at a kept position, read anew and not kept."""
        (found,) = measure(trace, self._runner.head, lens, position, (metric,), progress)
        return found

    def answer(
        self,
        prompt: Prompt,
        rows: Sequence[Row],
        *,
        new_tokens: int = 128,
        sampling: Sampling | None = None,
        stop: Sequence[str] | None = None,
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

        Returns:
            An iterator over steps that also knows the weights each row had.

        Raises:
            InputError: More is asked for than the limits allow, or of unknown adapters.
        """
        self.limits.check_answer(len(prompt.ids), len(rows), new_tokens)
        for row in rows:
            row.check(self.adapters, self.layers)
        decoding = self._runner.decode(
            [prompt.ids] * len(rows),
            [row.policy for row in rows],
            new_tokens,
            sampling or Sampling(),
            self._stop(prompt) if stop is None else tuple(stop),
        )
        return Answering(decoding, self.background)

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

        Prompts of about the same length are decoded together; the numbers do not depend on it.

        Args:
            prompts: The prompts.
            rows: A row for each prompt.
            new_tokens: The longest an answer may get.
            batch_rows: How many are decoded together.
            progress: Told after each batch; an exception that it raises stops the work.

        Raises:
            InputError: A row cannot be run, or an answer is longer than the limits allow.
        """
        for row in rows:
            row.check(self.adapters, self.layers)
        for prompt in prompts:
            self.limits.check_answer(len(prompt.ids), 1, new_tokens)
        stops = [self._stop(prompt) for prompt in prompts]
        with self.background.paused():
            return answer_all(self._runner, prompts, rows, stops, new_tokens, batch_rows, progress)

    def answer_losses(
        self, prompts: Sequence[Prompt], answers: Sequence[Sequence[int]], rows: Sequence[Row]
    ) -> list[Tensor]:
        """The cross-entropy of given answers to prompts, each with a row of its own.

        Args:
            prompts: The prompts.
            answers: Token ids of each answer.
            rows: A row for each prompt.

        Returns:
            For each answer the losses of its tokens in nats, `[tokens]` in float32.

        Raises:
            InputError: A row cannot be run.
        """
        for row in rows:
            row.check(self.adapters, self.layers)
        with self.background.paused():
            return self._runner.answer_losses(
                [prompt.ids for prompt in prompts], answers, [row.policy for row in rows]
            )

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a whole answer: its text, then the end token."""
        return self._vocabulary.answer_ids(text)

    def _stop(self, prompt: Prompt) -> tuple[str, ...]:
        return self._prompt.stop if self._prompt and prompt.frame == "form" else ()

    def _chosen(self, adapters: Sequence[str] | None) -> tuple[str, ...]:
        chosen = choose_adapters(adapters, self.adapters)
        self.limits.check_adapters(len(chosen))
        return chosen
