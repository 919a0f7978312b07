"""The beginning that all prompts share: run once, its keys and values kept."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from analysis.common.cache import ByteCache

# Fewer tokens than this cost less to run again than to keep.
_SHORTEST_PREFIX = 16
# A prefix may take this part of the cache: traces are worth more to visitors than prefixes.
_PREFIX_SHARE = 0.25
_PREFIX_KEY = "prefix"


@dataclass(frozen=True)
class _Prefix:
    """The beginning of a prompt that was run.

    Attributes:
        ids: Its tokens.
        adapters: The adapters of the rows after the first.
        cache: The rows' keys and values; shared, so never handed to the model itself.
    """

    ids: tuple[int, ...]
    adapters: tuple[str, ...]
    cache: Cache

    def begins(self, ids: tuple[int, ...], adapters: tuple[str, ...]) -> bool:
        """Whether a prompt begins with this prefix, under the same rows."""
        return self.adapters == adapters and self.ids == ids[: len(self.ids)]

    def growing_cache(self) -> Cache:
        """A cache that can grow, over the same tensors.

        Layers of these two classes grow by new tensors (`torch.cat`) and never write into old
        ones. Layers of other classes may, and are copied whole.
        """
        grown = copy.copy(self.cache)
        grown.layers = [
            copy.copy(layer)
            if type(layer) in (DynamicLayer, DynamicSlidingWindowLayer)
            else copy.deepcopy(layer)
            for layer in self.cache.layers
        ]
        return grown

    @property
    def bytes(self) -> int:
        """The memory of the keys and values; a view counts with all that it keeps alive."""
        return sum(
            value.untyped_storage().nbytes()
            for layer in self.cache.layers
            for kept in vars(layer).values()
            for value in (kept.values() if isinstance(kept, dict) else [kept])
            if isinstance(value, Tensor)
        )


class Prefixes:
    """Keeps one prefix at a time: that of the newest prompt.

    Args:
        model: The base model.
        kept: Where the prefix is kept; its bytes count there.
        most_tokens: The longest prefix, all rows together.
    """

    def __init__(self, model: PreTrainedModel, kept: ByteCache, most_tokens: int) -> None:
        self._model = model
        self._kept = kept
        self._most_tokens = most_tokens
        self.usable = True
        """Whether the model continues kept states with several tokens at once as it should."""
        # The fewest tokens, all rows together, that were too large to keep.
        self._too_large = float("inf")

    def worth_keeping(self, prefix: int, rows: int) -> bool:
        """Whether a prefix of so many tokens is long enough to keep and small enough."""
        return (
            self.usable
            and prefix >= _SHORTEST_PREFIX
            and rows * prefix < self._too_large
            and rows * prefix <= self._most_tokens
        )

    def keeps(
        self, ids: tuple[int, ...], prefix: int, adapters: tuple[str, ...], shortest: int
    ) -> bool:
        """Whether the prefix of a prompt is kept; see `after`."""
        return self._kept_for(ids, prefix, adapters, shortest) is not None

    def _kept_for(
        self, ids: tuple[int, ...], prefix: int, adapters: tuple[str, ...], shortest: int
    ) -> _Prefix | None:
        kept: _Prefix | None = self._kept.get(_PREFIX_KEY)
        # The token at the seam may be cut otherwise for another query, so that prefixes differ by
        # one token: a shorter kept prefix serves, too.
        if kept is not None and shortest <= len(kept.ids) <= prefix and kept.begins(ids, adapters):
            return kept
        return None

    def after(
        self, ids: tuple[int, ...], prefix: int, adapters: tuple[str, ...], shortest: int
    ) -> tuple[int, Cache | None]:
        """How many tokens need not run again, and their keys and values under these rows.

        Runs the prefix where it is not kept. The caller runs in the model's thread, and has
        put the base's row and each adapter's row on the model.

        Args:
            ids: The prompt.
            prefix: How many tokens at its beginning are the same for every query; 0 for none.
            adapters: The adapters of the rows after the first.
            shortest: With a kept prefix of fewer tokens, the rest does not fit into one pass.
        """
        if prefix == 0:
            return 0, None
        kept = self._kept_for(ids, prefix, adapters, shortest)
        if kept is not None:
            return len(kept.ids), kept.growing_cache()
        cache = DynamicCache(config=self._model.config)
        ids_RT = as_rows(self._model, ids[:prefix], 1 + len(adapters))
        self._model.base_model(
            input_ids=ids_RT,
            position_ids=positions(0, ids_RT),
            cache=cache,
            use_cache=True,
        )
        made = _Prefix(ids[:prefix], adapters, cache)
        if made.bytes > _PREFIX_SHARE * self._kept.most_bytes:
            self._too_large = (1 + len(adapters)) * prefix
            return prefix, cache
        self._kept.put(_PREFIX_KEY, made, made.bytes)
        return prefix, made.growing_cache()


def positions(done: int, ids_RT: Tensor) -> Tensor:
    """The position of each token of a pass after `done` tokens, the same in every row."""
    return torch.arange(done, done + ids_RT.shape[1], device=ids_RT.device).unsqueeze(0)


def as_rows(model: PreTrainedModel, ids: Sequence[int], rows: int) -> Tensor:
    """The same tokens in every row, `[rows, tokens]`."""
    return torch.tensor([list(ids)], device=model.device).expand(rows, -1)
