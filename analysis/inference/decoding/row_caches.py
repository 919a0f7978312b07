"""Rows of a cache: dropped where an answer ends before another."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import Cache
from transformers.cache_utils import LinearAttentionCacheLayerMixin


def keep_rows(cache: Cache, rows: Tensor) -> None:
    """Drops all rows of a cache but some.

    Args:
        cache: Keys and values of attention, and states of linear attention or of convolutions.
        rows: Indices of the rows that stay.
    """
    layer: Any  # a placeholder for a layer without a cache has other methods
    for layer in cache.layers:
        if isinstance(layer, LinearAttentionCacheLayerMixin):
            # They can only reorder their rows; an order that leaves rows out drops these.
            order: Any = rows
            layer.reorder_cache(order)
        else:
            layer.batch_select_indices(rows)
