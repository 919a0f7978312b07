"""The engine: traces and answers within limits, and keeps the results for later requests."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import replace
from typing import Any, cast

from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from analysis.answerer import Answerer
from analysis.common.errors import InputError
from analysis.common.limits import Limits
from analysis.common.progress import Progress
from analysis.common.texts.said import say
from analysis.common.threads.own_thread import in_own_thread
from analysis.inference.checks.prompt_check import check_prompts
from analysis.inference.decoding.kept_answers import KeptAnswers
from analysis.inference.prompt import Prompt
from analysis.inference.runner import ModelRunner
from analysis.inference.vocabulary import Vocabulary
from analysis.measure.checks.collection_check import check_collection
from analysis.measure.context import Context
from analysis.measure.trace import Trace
from analysis.measure.weight_settings import WeightSettings, default_settings
from analysis.models.adapter_facts import AdapterFacts
from analysis.models.adapters import Adapter, check_files, load_adapters
from analysis.models.bases.base_model import load_base
from analysis.models.bases.identity import base_digest
from analysis.models.collection import AdapterEntry, Collection, PromptForm
from analysis.models.fitted import FittedFiles
from analysis.models.inspection.inspection import Inspection, inspect_adapter
from analysis.models.provenance import Computation


class Engine(Answerer):
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
        beside: An engine of the same process. Both take turns with the models, and together they
            take no more memory for answers and kept results than that one may.

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
        self._tokenizer: PreTrainedTokenizerBase = tokenizer
        same = beside is not None and beside._tokenizer is tokenizer
        vocabulary = beside._vocabulary if beside is not None and same else Vocabulary(tokenizer)
        words = len(cast(Sized, model.get_input_embeddings().weight))
        ends = check_prompts(vocabulary, prompt, words)
        resources = beside.runner.resources if beside is not None else None
        runner = ModelRunner(model, vocabulary, adapters, limits, ends, resources)
        facts = AdapterFacts(adapters, fitted_files)
        super().__init__(runner, vocabulary, prompt, limits, settings or WeightSettings(), facts)
        self.loaded = tuple(adapters)
        self.kept_answers = KeptAnswers(runner.resources.kept_answers.part(), runner.adapters)

    @classmethod
    def load(
        cls,
        collection: Collection,
        progress: Progress | None = None,
        dtype: str = "float32",
        device: str | None = None,
        limits: Limits | None = None,
        beside: Engine | None = None,
    ) -> Engine:
        """Loads a collection's base model and adapters.

        Args:
            collection: The collection to load.
            progress: Told how far the loading is.
            dtype: One of `base_model.DTYPES`.
            device: The device, such as `cpu`; by default the GPUs where there are any, or the CPU.
            limits: The caps.
            beside: An engine of the same process, of any base: see `Engine`.

        Raises:
            InputError: One of them cannot be used; the message says which and why.
        """
        check_collection(collection)
        for entry in collection.adapters:
            check_files(entry)  # before the base, which takes long to load

        def work(report: Progress) -> Engine:
            return cls._load(collection, report, dtype, device, limits, beside)

        return in_own_thread(work, progress or (lambda what, share: None))

    @classmethod
    def _load(
        cls,
        collection: Collection,
        report: Progress,
        dtype: str,
        device: str | None,
        limits: Limits | None,
        beside: Engine | None,
    ) -> Engine:
        if collection.base.source == "folder":
            # By it exports and fitted files know the base: read here, where its progress is told.
            base_digest(collection.base, report)
        report(say("loading the base model"), 0.0)
        model, tokenizer = load_base(collection.base, report, dtype, device)
        adapters = load_adapters(model, collection.adapters, report)
        engine = cls(
            model,
            tokenizer,
            adapters,
            collection.prompt,
            limits,
            settings=default_settings(collection),
            fitted_files=FittedFiles(collection.folder, collection.base, collection.adapters),
            beside=beside,
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
        model = self._runner.model

        def work(report: Progress) -> Engine:
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

        return in_own_thread(work, progress or (lambda what, share: None))

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

    def close(self) -> None:
        """Forgets all results, which other engines may have the room of; requests may go on."""
        self.kept.clear()
        self.kept_answers.clear()
