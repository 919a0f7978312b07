"""The engine: traces and answers within limits, and keeps the results for later requests."""

from __future__ import annotations

from collections.abc import Sequence

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
from analysis.inference.prompt import Prompt
from analysis.inference.runner import ModelRunner
from analysis.inference.vocabulary import Vocabulary
from analysis.measure.changes.change_tracer import ChangeTracer
from analysis.measure.checks.collection_check import check_collection
from analysis.measure.context import Context
from analysis.measure.trace import Trace
from analysis.measure.weight_settings import WeightSettings, default_settings
from analysis.models.adapter_checks import check_files
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.adapters import Adapter, load_adapter
from analysis.models.bases.base_model import load_base
from analysis.models.collection import Collection, PromptForm
from analysis.models.fitted import FittedFiles
from analysis.models.provenance import Computation


class Engine(ChangeTracer):
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
        fitted_files: FittedFiles | None = None,
    ) -> None:
        limits = limits or Limits()
        vocabulary = Vocabulary(tokenizer)
        kept = ByteCache(limits.kept_bytes)
        runner = ModelRunner(model, vocabulary, adapters, limits, kept)
        facts = AdapterFacts(adapters, fitted_files)
        super().__init__(
            runner, vocabulary, prompt, limits, kept, settings or WeightSettings(), facts
        )

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
            collection: The collection to load.
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
            model,
            tokenizer,
            adapters,
            collection.prompt,
            settings=default_settings(collection),
            fitted_files=FittedFiles(collection.folder, collection.base.name, collection.adapters),
        )
        report("ready", 1.0)
        return engine

    @property
    def computation(self) -> Computation:
        """Precision and device of the base model."""
        return Computation(self._runner.dtype, self._runner.device)

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
        for row in rows:
            row.check(self.adapters, self.layers)
        with self.background.paused():
            return self._runner.answer_losses(
                [prompt.ids for prompt in prompts],
                answers,
                [row.policy for row in rows],
                differentiable=differentiable,
            )

    def answer_ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a whole answer: its text, then the end token."""
        return self._vocabulary.answer_ids(text)

    def _stop(self, prompt: Prompt) -> tuple[str, ...]:
        return self._prompt.stop if self._prompt and prompt.frame == "form" else ()
