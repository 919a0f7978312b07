"""Forward passes of a prompt through the base and each adapter alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel

from analysis.common.cache import ByteCache
from analysis.common.progress import Progress
from analysis.inference.mixing.applied_rows import AppliedRows
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.passes.layer_states import LayerStates, find_blocks
from analysis.inference.passes.module_inputs import ModuleInputs
from analysis.inference.passes.prefixes import Prefixes, as_rows, positions
from analysis.inference.scheduling.scheduler import Scheduler

# A prefix runs in one pass, whose activations must stay bounded: as many tokens as so many passes.
_PREFIX_PASSES = 4


@dataclass(frozen=True)
class PassStates:
    """The states that a prompt left at some tokens.

    Attributes:
        hidden_RLPD: The residual stream after each block, `[1 + adapters, layers, places, width]`.
        module_inputs: Input of each adapted module in the base's row, `[places, inputs]` by name;
            empty where nobody asked for it.
    """

    hidden_RLPD: Tensor
    module_inputs: Mapping[str, Tensor]


class ForwardPasses:
    """Runs prompts through one model.

    Args:
        model: The base model, in evaluation mode.
        mixture: Its adapters.
        scheduler: Runs the passes, others' between them.
        pass_tokens: Tokens of one pass on a CPU, all rows together.
        piece_tokens: The same while streams wait.
        kept: Where the keys and values of a prefix are kept, one prefix at a time.

    Raises:
        InputError: The model is of a family whose blocks cannot be found.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        mixture: Mixture,
        scheduler: Scheduler,
        pass_tokens: int,
        piece_tokens: int,
        kept: ByteCache,
    ) -> None:
        self.model = model
        self._on_cpu = model.device.type == "cpu"
        self.mixture = mixture
        self.scheduler = scheduler
        self._pass_tokens, self._piece_tokens = pass_tokens, piece_tokens
        self.blocks = find_blocks(model, mixture.layers)
        self.prefixes = Prefixes(model, kept, _PREFIX_PASSES * pass_tokens)

    def run(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        progress: Progress | None,
        prefix: int,
        scales: Sequence[float] | None,
        *,
        with_inputs: bool,
    ) -> PassStates:
        """The states of the base and each adapter alone; see `ModelRunner.hidden`.

        Args:
            ids: The prompt.
            adapters: The adapters after the base.
            places: The tokens whose states are kept.
            progress: Told after each layer; an exception that it raises stops the pass.
            prefix: How many tokens at the beginning are the same for every query.
            scales: Weight of each adapter's row; 1 by default.
            with_inputs: Keep the inputs of the adapted modules in the base's row, too.
        """
        weights_RLK = self.mixture.alone(adapters)
        if scales is not None:
            weights_RLK[1:] *= torch.tensor(scales, dtype=weights_RLK.dtype).view(-1, 1, 1)
        states = LayerStates(len(weights_RLK), self.mixture.layers, places)
        inputs = ModuleInputs(self.mixture.modules if with_inputs else {}, places)
        prefix = prefix if prefix <= min(places) else 0
        rows = (tuple(ids), tuple(adapters), weights_RLK)
        pieces = _Pieces(self, *rows, states, inputs, progress, prefix)
        while not pieces.over:
            self.scheduler.run(pieces.run)
        self.mixture.restore_base(states.hidden_RLPD, weights_RLK)
        return PassStates(states.hidden_RLPD, inputs.by_module)

    def rows_of_a_pass(self, rows: int, tokens: int) -> int:
        """As many as fit, in passes of about the same size."""
        if not self._on_cpu:
            return rows
        passes = -(-rows // max(1, self._most_tokens // tokens))
        return -(-rows // passes)

    def tokens_of_a_pass(self, tokens: int) -> int:
        """As many tokens of a row as may run while streams wait; all where none does."""
        cut = self._streams_wait and self.prefixes.usable
        return min(tokens, self._most_tokens) if cut else tokens

    def prefix_fits(self, ids: tuple[int, ...], prefix: int, adapters: tuple[str, ...]) -> bool:
        """Whether all rows of a prompt run in one pass after a prefix that is kept, or will be."""
        rows = 1 + len(adapters)
        whole = self.rows_of_a_pass(rows, len(ids) - prefix) == rows
        if not (whole and self.prefixes.worth_keeping(prefix, rows)):
            return False
        small = not self._streams_wait or rows * prefix <= self._most_tokens
        return small or self.prefixes.keeps(ids, prefix, adapters, self.shortest_prefix(ids, rows))

    def shortest_prefix(self, ids: tuple[int, ...], rows: int) -> int:
        """After fewer tokens, the rest of a prompt does not fit into a pass."""
        return len(ids) - self._most_tokens // rows if self._on_cpu else 0

    @property
    def _streams_wait(self) -> bool:
        return self._on_cpu and self.scheduler.streams > 0

    @property
    def _most_tokens(self) -> int:
        """Tokens of a pass on a CPU, all rows together."""
        most = self._piece_tokens if self._streams_wait else self._pass_tokens
        return min(most, self._pass_tokens)


class _Pieces:
    """The passes of one prompt; each is a piece of the scheduler, as large as it may be by then.

    Args:
        passes: Whose passes they are.
        ids: The prompt.
        adapters: The adapters after the base.
        weights_RLK: The rows' weights.
        states: Takes the states.
        inputs: Takes the inputs of modules in the base's row.
        progress: Told after each layer.
        prefix: How many tokens at the beginning are the same for every query.
    """

    def __init__(
        self,
        passes: ForwardPasses,
        ids: tuple[int, ...],
        adapters: tuple[str, ...],
        weights_RLK: Tensor,
        states: LayerStates,
        inputs: ModuleInputs,
        progress: Progress | None,
        prefix: int,
    ) -> None:
        self._prefix = prefix
        self._passes = passes
        self._ids = ids
        self._adapters = adapters
        self._weights_RLK = weights_RLK
        self._states = states
        self._inputs = inputs
        self._progress = progress
        # The first of the rows that run now, how many they are, and how many of their tokens ran.
        self._first = self._rows = self._done = 0
        self._applied: AppliedRows | None = None
        self._cache: Cache | None = None

    @property
    def over(self) -> bool:
        """Whether all rows have run."""
        return self._first == len(self._weights_RLK)

    @torch.inference_mode()
    def run(self) -> None:
        """Runs the next piece, in the model's thread."""
        if self._applied is None:
            self._applied = self._next_rows()
        with self._applied.on():
            if self._first == self._done == 0 and self._prefix:
                shortest = self._passes.shortest_prefix(self._ids, self._rows)
                self._done, self._cache = self._passes.prefixes.after(
                    self._ids, self._prefix, self._adapters, shortest
                )
            end = len(self._ids)
            if self._rows == 1:
                end = self._done + self._passes.tokens_of_a_pass(end - self._done)
            self._pass(range(self._done, end))
        self._done = end
        if end == len(self._ids):
            self._first, self._done = self._first + self._rows, 0
            self._applied = self._cache = None

    def _next_rows(self) -> AppliedRows:
        """The rows that run next; all after a prefix, or as many as fit."""
        passes, length = self._passes, len(self._ids)
        fits = self._first == 0 and passes.prefix_fits(self._ids, self._prefix, self._adapters)
        left = len(self._weights_RLK) - self._first
        self._rows = passes.rows_of_a_pass(left, length - self._prefix) if fits else 0
        if self._rows < left:
            # Streams may have come meanwhile.
            self._prefix, self._rows = 0, passes.rows_of_a_pass(left, length)
        return passes.mixture.rows(self._weights_RLK[self._first : self._first + self._rows])

    def _pass(self, tokens: range) -> None:
        model = self._passes.model
        if self._cache is None and len(tokens) < len(self._ids):
            self._cache = DynamicCache(config=model.config)
        # The base is the first row of all.
        kept_inputs = self._inputs.collected(tokens) if self._first == 0 else nullcontext()
        blocks = self._passes.blocks
        kept_states = self._states.collected(blocks, self._first, tokens, self._tell(tokens))
        with kept_inputs, kept_states:
            ids_RT = as_rows(model, self._ids[tokens.start : tokens.stop], self._rows)
            model.base_model(
                input_ids=ids_RT,
                position_ids=None if self._cache is None else positions(tokens.start, ids_RT),
                cache=self._cache,
                use_cache=self._cache is not None,
            )

    def _tell(self, tokens: range) -> Callable[[int], None]:
        """The function to call after each layer: it tells the share of all tokens that ran."""
        whole = len(self._weights_RLK) * len(self._ids)
        before = self._first * len(self._ids) + self._rows * tokens.start
        a_layer = self._rows * len(tokens) / len(self._passes.blocks)

        def tell(layers: int) -> None:
            if self._progress is not None:
                self._progress("tracing", (before + layers * a_layer) / whole)

        return tell
