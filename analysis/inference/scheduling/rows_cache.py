"""Keys and values of rows that have the same number of tokens."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

# Room for so many more tokens is made at a time.
ROOM = 64


def can_be_shared(cache: Cache) -> bool:
    """Whether all layers of a cache are plain: a token sees all before it, or the newest ones."""
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers)


def row_bytes(cache: Cache, tokens: int) -> int:
    """The memory of the keys and values of a row of so many tokens.

    Args:
        cache: The keys and values of one row of one token.
        tokens: The most tokens that the row may get.
    """
    total = 0
    for layer in cache.layers:
        held = [value for value in vars(layer).values() if isinstance(value, Tensor)]
        if isinstance(layer, DynamicLayer) and layer.keys is not None and layer.values is not None:
            held = [layer.keys, layer.values] * (tokens + ROOM)
            if isinstance(layer, DynamicSlidingWindowLayer):
                held = held[: 2 * (layer.sliding_window + ROOM)]
        total += sum(value.nbytes for value in held)
    return total


class RowsCache:
    """The keys and values of some rows, which grow in place, token by token.

    What a pass adds counts once the pass is `kept`: after a pass that failed, the next one writes
    over it.

    Args:
        cache: The keys and values of the rows' prompt.
    """

    def __init__(self, cache: Cache) -> None:
        self._layers = []
        for layer in cache.layers:
            assert isinstance(layer, DynamicLayer)
            self._layers.append(_LayerCache(layer))

    def add(self, layer: int, keys_RH1D: Tensor, values_RH1D: Tensor) -> tuple[Tensor, Tensor]:
        """Adds a token in one layer.

        Returns:
            The keys and the values that this token sees, its own among them,
            `[rows, heads, tokens, width]` each; views.
        """
        return self._layers[layer].add(keys_RH1D, values_RH1D)

    def kept(self) -> None:
        """Keeps the token that was added in all layers."""
        for layer in self._layers:
            layer.end += 1

    def select(self, rows: list[int]) -> None:
        """Keeps some rows only."""
        for layer in self._layers:
            layer.select(rows)

    @property
    def bytes(self) -> int:
        """The memory of the keys and values."""
        return sum(layer.keys_RHCD.nbytes + layer.values_RHCD.nbytes for layer in self._layers)


class _LayerCache:
    """The keys and values of one layer, with room behind them: `[rows, heads, capacity, width]`."""

    def __init__(self, layer: DynamicLayer) -> None:
        assert layer.keys is not None and layer.values is not None
        self._window: int | None = None
        if isinstance(layer, DynamicSlidingWindowLayer):
            self._window = layer.sliding_window
        self.end = layer.keys.shape[2]
        self.keys_RHCD, self.values_RHCD = layer.keys, layer.values

    def add(self, keys_RH1D: Tensor, values_RH1D: Tensor) -> tuple[Tensor, Tensor]:
        if self.end == self.keys_RHCD.shape[2]:
            self._make_room()
        first = self._first_seen()
        seen = slice(first, self.end + 1)
        self.keys_RHCD[:, :, self.end] = keys_RH1D[:, :, 0]
        self.values_RHCD[:, :, self.end] = values_RH1D[:, :, 0]
        return self.keys_RHCD[:, :, seen], self.values_RHCD[:, :, seen]

    def select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self.keys_RHCD.device)
        self.keys_RHCD, self.values_RHCD = self.keys_RHCD[index], self.values_RHCD[index]

    def _first_seen(self) -> int:
        """The first place that the next token sees."""
        return 0 if self._window is None else max(0, self.end + 1 - self._window)

    def _make_room(self) -> None:
        first = self._first_seen()
        self.keys_RHCD = _with_room(self.keys_RHCD[:, :, first : self.end])
        self.values_RHCD = _with_room(self.values_RHCD[:, :, first : self.end])
        self.end -= first


def _with_room(states_RHTD: Tensor) -> Tensor:
    rows, heads, tokens, width = states_RHTD.shape
    roomy_RHCD = states_RHTD.new_empty(rows, heads, tokens + ROOM, width)
    roomy_RHCD[:, :, :tokens] = states_RHTD
    return roomy_RHCD
