"""Passes of a prompt's last tokens through many adapters, over the keys and values of the base."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import torch
from torch import Tensor
from transformers import Cache, DynamicCache

from analysis.common.progress import Progress
from analysis.inference.passes.forward_passes import ForwardPasses
from analysis.inference.passes.layer_states import LayerStates
from analysis.inference.passes.prefixes import as_rows, positions

# Each row has a copy of the keys and values, which must stay bounded: those of so many tokens.
_CACHED_TOKENS = 8192


class TailPasses:
    """Runs the last tokens of prompts through many adapters at once.

    Each adapter acts on these tokens alone; the tokens before them are those of the base. The
    states are those of the adapter's own row, but for what the adapter changes before these tokens.

    Args:
        passes: Of the same model; they say how many tokens a pass may have.
    """

    def __init__(self, passes: ForwardPasses) -> None:
        self._passes = passes

    def run(
        self,
        ids: Sequence[int],
        adapters: Sequence[str],
        places: Sequence[int],
        first: int,
        layers: int,
        progress: Progress | None = None,
    ) -> Tensor:
        """The states at some tokens.

        Args:
            ids: The prompt.
            adapters: The adapters after the base.
            places: The tokens, ascending; a token may come twice.
            first: The adapters act on the tokens from this one, at most the first place, to the
                last place.
            layers: So many layers run; nothing needs the layers after them.
            progress: Told after each part of the rows; an exception that it raises stops the work.

        Returns:
            The residual stream after each block, `[1 + adapters, layers, places, width]`.
        """
        mixture, scheduler = self._passes.mixture, self._passes.scheduler
        weights_RLK = mixture.alone(adapters)
        states = LayerStates(len(weights_RLK), mixture.layers, places)
        tail = range(first, places[-1] + 1)
        before = scheduler.run(partial(self._before, ids[:first], layers))
        done = 0
        while done < len(weights_RLK):
            part = partial(self._part, ids, tail, weights_RLK, done, before, states, layers)
            done += scheduler.run(part)
            if progress is not None:
                progress("reading the last tokens", done / len(weights_RLK))
        mixture.restore_base(states.hidden_RLPD, weights_RLK)
        return states.hidden_RLPD[:, :layers]

    @torch.inference_mode()
    def _before(self, ids: Sequence[int], layers: int) -> Cache:
        """The base's keys and values of the tokens before the tail, in the model's thread."""
        cache: Cache = DynamicCache(config=self._passes.model.config)
        if ids:
            # The states before the tail are of no use, but they tell which layer is done.
            states = LayerStates(1, self._passes.mixture.layers, ())
            self._read(ids, range(len(ids)), 1, cache, states, 0, layers)
        return cache

    @torch.inference_mode()
    def _part(
        self,
        ids: Sequence[int],
        tail: range,
        weights_RLK: Tensor,
        done: int,
        before: Cache,
        states: LayerStates,
        layers: int,
    ) -> int:
        """Runs the next rows, in the model's thread: so many as are returned."""
        rows = self._passes.rows_of_a_pass(len(weights_RLK) - done, len(tail))
        rows = min(rows, max(1, _CACHED_TOKENS // tail.stop))
        cache = copy.deepcopy(before)
        if tail.start > 0:
            # The first row, as often as there are rows: caches of all kinds can do that.
            first_R = torch.zeros(rows, dtype=torch.long)
            cache.reorder_cache(first_R)  # type: ignore[arg-type]  # any tensor works
        with self._passes.mixture.rows(weights_RLK[done : done + rows]).on():
            self._read(ids, tail, rows, cache, states, done, layers)
        return rows

    def _read(
        self,
        ids: Sequence[int],
        tokens: range,
        rows: int,
        cache: Cache,
        states: LayerStates,
        first_row: int,
        layers: int,
    ) -> None:
        model = self._passes.model
        ids_RT = as_rows(model, ids[tokens.start : tokens.stop], rows)
        kept = states.collected(self._passes.blocks, first_row, tokens, _stop_after(layers))
        with suppress(_EnoughLayers), kept:
            model.base_model(
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
