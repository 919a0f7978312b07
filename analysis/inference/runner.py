"""The runner: owns the model and its scheduler; runs rows forward and decodes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.common.limits import Limits
from analysis.common.progress import Progress
from analysis.inference.checks.self_check import SelfCheck
from analysis.inference.decoding.advance import Advance, first_token
from analysis.inference.decoding.model import DecodingModel
from analysis.inference.decoding.next_tokens import NextToken, next_tokens
from analysis.inference.head import Head
from analysis.inference.likelihood import answer_losses
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.mixing.policies import Policy
from analysis.inference.passes.base_reads import BaseReads
from analysis.inference.passes.forward_passes import ForwardPasses, PassStates
from analysis.inference.passes.tail_passes import TailPasses
from analysis.inference.scheduling.resources import Resources
from analysis.inference.sharing.running_rows import RequestedRows, RunningRows
from analysis.inference.sharing.shared_decoding import SharedDecoding
from analysis.inference.vocabulary import Vocabulary
from analysis.models.adapters import Adapter


class ModelRunner:
    """Runs one base model with its adapters, for any number of requests at once.

    The scheduler's thread runs one forward pass at a time; between two of them nothing of a request
    is left in the model, so requests may interleave at will.

    Args:
        model: The base model, in evaluation mode.
        vocabulary: Its tokenizer, behind a lock.
        adapters: The adapters, from `load_adapter`.
        limits: The caps; of them only those of bytes and of tokens in a pass or piece matter here.
        ends: Tokens that end an answer, beside those that base and tokenizer name.
        resources: The time and memory that it takes a part of; another runner's where there is one,
            of their own by default.

    Attributes:
        head: The model's head.
        base: Reads the base alone.
        resources: The time and memory that it takes a part of.
        scheduler: Owns the model.
        kept: Its part of the results that are kept; beginnings of prompts are among them.

    Raises:
        InputError: The model is of a family whose parts cannot be found, or that gives other
            numbers in this engine than alone.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        vocabulary: Vocabulary,
        adapters: Sequence[Adapter],
        limits: Limits | None = None,
        ends: frozenset[int] = frozenset(),
        resources: Resources | None = None,
    ) -> None:
        limits = limits or Limits()
        self._model = model
        self.head = Head.of(model)
        self._mixture = Mixture(model, adapters, self.head.transposed)
        self.resources = resources or Resources.of(limits, model.device)
        # One model: two forward passes at once would see each other's hooks.
        self.scheduler = self.resources.scheduler
        self.kept = self.resources.kept.part()
        self._forward_passes = ForwardPasses(
            model,
            self._mixture,
            self.scheduler,
            limits.pass_tokens,
            limits.piece_tokens,
            self.kept,
        )
        self._tail_passes = TailPasses(self._forward_passes)
        self.base = BaseReads(model, self._mixture.modules, self.scheduler)
        ends |= _end_tokens(model) | vocabulary.end_tokens
        check = SelfCheck(model, self.head, self._forward_passes.blocks, self._mixture)
        can = self.scheduler.run(check.run)
        self._forward_passes.prefixes.usable = can.continues
        first = self.scheduler.run(partial(first_token, model))
        self._decoding = DecodingModel(
            model,
            vocabulary,
            self.head,
            self._mixture,
            ends,
            self.scheduler,
            Advance(model, self.head, self._mixture, first, shares=can.shares),
            self.resources.admission,
            limits.piece_tokens if can.continues else None,
        )
        self._running = RunningRows(self._decoding)

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of all adapters, in the order of all weights."""
        return self._mixture.adapters

    @property
    def model(self) -> PreTrainedModel:
        """The base model, to read its parts; only the scheduler's thread may run it."""
        return self._model

    @property
    def decoding(self) -> DecodingModel:
        """The parts of the model that decoding needs."""
        return self._decoding

    @property
    def running(self) -> RunningRows:
        """The rows that are decoded for anybody."""
        return self._running

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The linears that adapters cover, by name."""
        return self._mixture.modules

    @property
    def dtype(self) -> str:
        """Precision of the base model, such as `float32`."""
        return str(self._model.dtype).removeprefix("torch.")

    @property
    def device(self) -> str:
        """Kind of the device that the base model runs on, such as `cpu`."""
        return self._model.device.type

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self._mixture.layers

    def first_layer(self, adapter: str) -> int:
        """The first layer that an adapter moves; the number of layers if it moves none."""
        return self._mixture.first_layer_K[self.adapters.index(adapter)]

    def token_bytes(self, rows: int) -> int:
        """Bytes of one token's states after all blocks, of so many rows."""
        return rows * self.layers * self.head.weight_VD.shape[1] * self._model.dtype.itemsize

    def hidden(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        progress: Progress | None = None,
        prefix: int = 0,
        scales: Sequence[float] | None = None,
    ) -> Tensor:
        """Runs the base and each adapter alone, as rows.

        They share one forward pass; where a CPU is slower with so many tokens at a time, several.

        Args:
            ids: The prompt.
            adapters: The adapters after the base.
            places: The tokens whose states are kept.
            progress: Told after each layer; an exception that it raises stops the pass.
            prefix: How many tokens at the beginning are the same for every query, before all
                places. A long prefix runs once, and its keys and values are kept.
            scales: Weight of each adapter in its row, 1 by default; not together with a prefix.

        Returns:
            The residual stream after each block, `[1 + adapters, layers, places, width]`.
        """
        return self._forward_passes.run(
            ids, adapters, places, progress, prefix, scales, with_inputs=False
        ).hidden_RLPD

    def trace(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        progress: Progress | None = None,
        prefix: int = 0,
        scales: Sequence[float] | None = None,
    ) -> PassStates:
        """As `hidden`, and keeps the inputs of the adapted modules in the base's row, too."""
        return self._forward_passes.run(
            ids, adapters, places, progress, prefix, scales, with_inputs=True
        )

    def tail_states(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        first: int,
        layers: int,
        progress: Progress | None = None,
    ) -> Tensor:
        """The states that adapters leave in the first layers if they act on the last tokens alone.

        See `TailPasses.run`.
        """
        if not self._forward_passes.prefixes.usable:
            # A base that cannot continue kept states: whole rows are right, and cost more.
            return self.hidden(ids, adapters, places, progress)[:, :layers]
        return self._tail_passes.run(ids, adapters, places, first, layers, progress)

    def decode(
        self, asked: RequestedRows, wanted: Callable[[], object] = lambda: None
    ) -> SharedDecoding:
        """Continues prompts, one row each, in lock step; equal rows of several requests run once.

        Args:
            asked: The rows.
            wanted: Called now and then while it waits to begin; what it raises ends it.

        Returns:
            An iterator over steps, which run in one batch with those of other requests.
        """
        return SharedDecoding(self._running, asked, wanted)

    def rows_that_fit(self, tokens: int) -> int:
        """How many rows of so many tokens may run at a time, at least 1."""
        parts = self._running.parts
        return max(1, parts.admission.most_bytes // parts.advance.bytes(tokens))

    def answer_losses(
        self,
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
        policies: Sequence[Policy],
        *,
        differentiable: bool = False,
    ) -> list[Tensor]:
        """The cross-entropy of given answers, token by token, one row each.

        See `likelihood.answer_losses`.
        """
        work = partial(
            answer_losses,
            self._decoding,
            prompts,
            answers,
            policies,
            differentiable=differentiable,
        )
        return self.scheduler.run(work)

    def next_tokens(
        self,
        ids: Sequence[int],
        policies: Sequence[Policy],
        count: int,
        also: Sequence[int] = (),
        wanted: Callable[[], object] = lambda: None,
    ) -> list[tuple[NextToken, ...]]:
        """The most probable next tokens of each row after a text. See `next_tokens`."""
        return next_tokens(self._decoding, ids, policies, count, also, wanted)


def _end_tokens(model: PreTrainedModel) -> frozenset[int]:
    """All tokens that the base's files call an end; some files name more than others."""
    places = (model.generation_config, model.config, model.config.get_text_config())
    ends = [getattr(place, "eos_token_id", None) for place in places]
    return frozenset(
        token for end in ends for token in ([end] if isinstance(end, int) else end or ())
    )
