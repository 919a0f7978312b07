"""Passes of a prompt's last tokens through many adapters, over the keys and values of the base."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, PreTrainedModel

from analysis.inference.mixing.mixture import Mixture
from analysis.inference.passes.layer_states import LayerStates
from analysis.inference.passes.prefixes import as_rows, positions

# Each row has a copy of the keys and values, which must stay bounded: those of so many passes.
_CACHED_PASSES = 4


class TailPasses:
    """Runs the last tokens of prompts through many adapters at once.

    Each adapter acts on these tokens alone; the tokens before them are those of the base. The
    states are those of the adapter's own row, but for what the adapter changes before these tokens.

    A run is one piece of the scheduler: nothing else may run on the model meanwhile.

    Args:
        model: The base model, in evaluation mode.
        mixture: Its adapters.
        blocks: The model's blocks.
        pass_tokens: Tokens of one pass on a CPU, all rows together.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        mixture: Mixture,
        blocks: Sequence[nn.Module],
        pass_tokens: int,
    ) -> None:
        self._model = model
        self._mixture = mixture
        self._blocks = blocks
        self._pass_tokens = pass_tokens

    @torch.inference_mode()
    def run(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        first: int,
        layers: int,
    ) -> Tensor:
        """The states at some tokens.

        Args:
            ids: The prompt.
            adapters: The adapters after the base.
            places: The tokens, ascending; a token may come twice.
            first: The adapters act on the tokens from this one, at most the first place, to the
                last place.
            layers: So many layers run; nothing needs the layers after them.

        Returns:
            The residual stream after each block, `[1 + adapters, layers, places, width]`.
        """
        own = self._mixture.adapters
        weights_RLK = torch.zeros(1 + len(adapters), self._mixture.layers, len(own))
        for row, name in enumerate(adapters, start=1):
            weights_RLK[row, :, own.index(name)] = 1.0
        tail = range(first, places[-1] + 1)
        states = LayerStates(len(weights_RLK), self._mixture.layers, places)
        before, done = self._before(ids[:first]), 0
        for part_RLK in weights_RLK.split(self._rows_of_a_pass(tail)):
            cache = copy.deepcopy(before)
            if first > 0:
                # The first row, as often as there are rows: caches of all kinds can do that.
                first_R = torch.zeros(len(part_RLK), dtype=torch.long)
                cache.reorder_cache(first_R)  # type: ignore[arg-type]  # any tensor works
            kept = states.collected(self._blocks, done, tail, _stop_after(layers))
            with suppress(_EnoughLayers), self._mixture.rows(part_RLK).on(), kept:
                self._read(ids, tail, len(part_RLK), cache)
            done += len(part_RLK)
        return states.hidden_RLPD[:, :layers]

    def _before(self, ids: Sequence[int]) -> Cache:
        """The base's keys and values of the tokens before the tail."""
        cache: Cache = DynamicCache(config=self._model.config)
        if ids:
            self._read(ids, range(len(ids)), 1, cache)
        return cache

    def _rows_of_a_pass(self, tokens: range) -> int:
        cached = _CACHED_PASSES * self._pass_tokens // tokens.stop
        return max(1, min(cached, self._pass_tokens // len(tokens)))

    def _read(self, ids: Sequence[int], tokens: range, rows: int, cache: Cache) -> None:
        ids_RT = as_rows(self._model, ids[tokens.start : tokens.stop], rows)
        self._model.base_model(
            input_ids=ids_RT,
            position_ids=positions(tokens.start, ids_RT),
            cache=cache,
            use_cache=True,
        )


class _EnoughLayers(Exception):
    """Ends a pass: the layers after this one are not needed."""


def _stop_after(layers: int) -> Callable[[int], None]:
    def layer_done(done: int) -> None:
        if done == layers:
            raise _EnoughLayers

    return layer_done
