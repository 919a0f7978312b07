"""Passes of single tokens through many adapters, over the keys and values of the base."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache, PreTrainedModel

from analysis.inference.mixing.mixture import Mixture
from analysis.inference.passes.layer_states import LayerStates
from analysis.inference.passes.prefixes import as_rows, positions

# Each row has a copy of the keys and values, which must stay bounded: those of so many passes.
_CACHED_PASSES = 4


class TokenPasses:
    """Runs single tokens of prompts through many adapters at once.

    Each adapter acts on one token; the tokens before it are those of the base. The states are
    those of the adapter's own row, but for what the adapter changes before that token.

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
        self._cached_tokens = _CACHED_PASSES * pass_tokens

    def run(self, ids: Sequence[int], adapters: Sequence[str], places: Sequence[int]) -> Tensor:
        """The states at some tokens; the base runs once, and each adapter a token a place.

        Args:
            ids: The prompt.
            adapters: The adapters after the base.
            places: The tokens, ascending; a token may come twice.

        Returns:
            The residual stream after each block, `[1 + adapters, layers, places, width]`.
        """
        own = self._mixture.adapters
        weights_RLK = torch.zeros(1 + len(adapters), self._mixture.layers, len(own))
        for row, name in enumerate(adapters, start=1):
            weights_RLK[row, :, own.index(name)] = 1.0
        caches = self._caches(ids, places)
        states = {place: self._states(len(weights_RLK), place) for place in caches}
        first = 0
        for part_RLK in weights_RLK.split(max(1, self._cached_tokens // (places[-1] + 1))):
            rows = self._mixture.rows(part_RLK)  # copies the matrices: once for all places
            for place, cache in caches.items():
                grown = copy.deepcopy(cache)
                if place > 0:
                    # The first row, as often as there are rows: caches of all kinds can do that.
                    first_R = torch.zeros(len(part_RLK), dtype=torch.long)
                    grown.reorder_cache(first_R)  # type: ignore[arg-type]  # any tensor works
                kept = states[place].collected(
                    self._blocks, first, range(place, place + 1), lambda layer: None
                )
                with torch.inference_mode(), rows.on(), kept:
                    ids_R1 = as_rows(self._model, [ids[place]], len(part_RLK))
                    self._model.base_model(
                        input_ids=ids_R1,
                        position_ids=positions(place, ids_R1),
                        cache=grown,
                        use_cache=True,
                    )
            first += len(part_RLK)
        return torch.cat([states[place].hidden_RLPD for place in places], dim=2)

    def _caches(self, ids: Sequence[int], places: Sequence[int]) -> dict[int, Cache]:
        """The keys and values of the base before each place."""
        cache: Cache = DynamicCache(config=self._model.config)
        done, found = 0, {}
        for place in dict.fromkeys(places):
            if place > done:
                with torch.inference_mode():
                    ids_1T = as_rows(self._model, ids[done:place], 1)
                    self._model.base_model(
                        input_ids=ids_1T,
                        position_ids=positions(done, ids_1T),
                        cache=cache,
                        use_cache=True,
                    )
                done = place
            found[place] = copy.deepcopy(cache)
        return found

    def _states(self, rows: int, place: int) -> LayerStates:
        return LayerStates(rows, self._mixture.layers, [place])
