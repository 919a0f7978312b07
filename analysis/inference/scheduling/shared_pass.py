"""One pass for rows of different lengths: all layers are shared, attention alone is not.

Everything in a model but attention treats each token by itself, so rows of any length may share it.
Each group of rows of the same length attends to its own keys and values. So there is no padding,
joining and leaving copy nothing, and a row computes what it would compute alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, Cache, PreTrainedModel

from analysis.inference.scheduling.rows_cache import RowsCache, can_be_shared

_NAME = "fusion_lens_rows"
_now = threading.local()


class SharedPass:
    """Stands for the cache of a model during one pass of one token a row.

    Args:
        groups: The keys and values of each group of rows, in the order of the batch.
        rows: How many rows each group has.
    """

    is_compileable = False

    def __init__(self, groups: Sequence[RowsCache], rows: Sequence[int]) -> None:
        self._groups = groups
        ends = [sum(rows[: place + 1]) for place in range(len(rows))]
        self._rows = [slice(end - count, end) for end, count in zip(ends, rows, strict=True)]
        self._seen: list[tuple[Tensor, Tensor]] = []
        self.is_sliding: list[bool] = []

    def update(
        self, keys_RH1D: Tensor, values_RH1D: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Adds the token of each row to its group; called by the model before attention."""
        self._seen = [
            group.add(layer_idx, keys_RH1D[rows], values_RH1D[rows])
            for group, rows in zip(self._groups, self._rows, strict=True)
        ]
        return keys_RH1D, values_RH1D

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Unknown: rows differ in it, and their positions are given."""
        return 0

    def attend(self, query_RH1D: Tensor, scale: float | None, softcap: float | None) -> Tensor:
        """Attention of each row to its own group, `[rows, 1, heads, width]`."""
        parts = []
        for rows, (keys_NGTD, values_NGTD) in zip(self._rows, self._seen, strict=True):
            query_NHD = query_RH1D[rows, :, 0]
            count, groups = keys_NGTD.shape[:2]
            # Heads that share keys and values are queries to them.
            query_NGQD = query_NHD.reshape(count, groups, -1, query_NHD.shape[-1])
            found_NGQD = _attention(query_NGQD, keys_NGTD, values_NGTD, scale, softcap)
            parts.append(found_NGQD.reshape(count, 1, -1, found_NGQD.shape[-1]))
        return torch.cat(parts) if len(parts) > 1 else parts[0]


def _attention(
    query_NGQD: Tensor, keys_NGTD: Tensor, values_NGTD: Tensor, scale: float | None,
    softcap: float | None,
) -> Tensor:  # fmt: skip
    if softcap is None:
        return nn.functional.scaled_dot_product_attention(
            query_NGQD, keys_NGTD, values_NGTD, scale=scale
        )
    scale = query_NGQD.shape[-1] ** -0.5 if scale is None else scale
    scores_NGQT = softcap * (query_NGQD @ keys_NGTD.mT * (scale / softcap)).tanh()
    # As the models themselves do: the softmax in float32 or better.
    precise = scores_NGQT if scores_NGQT.itemsize == 8 else scores_NGQT.float()
    return precise.softmax(dim=-1).to(query_NGQD) @ values_NGTD


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    shared: SharedPass = _now.shared
    return shared.attend(query, scaling, softcap), None


AttentionInterface.register(_NAME, _attend)


@contextmanager
def shared_attention(model: PreTrainedModel, shared: SharedPass) -> Iterator[None]:
    """Within this context the model's attention is that of a shared pass."""
    # Each attention module asks its configuration, which need not be the model's own.
    found = {id(one): one for module in model.modules() if (one := vars(module).get("config"))}
    before = [(config, config._attn_implementation) for config in found.values()]
    _now.shared = shared
    try:
        for config, _ in before:
            config._attn_implementation_internal = _NAME
        yield
    finally:
        for config, name in before:
            config._attn_implementation_internal = name
        del _now.shared


def may_share_passes(model: PreTrainedModel, cache: Cache) -> bool:
    """Whether it is worth trying whether a model's rows can share passes.

    Not where attention is of another kind, or where rows depend on each other.
    """
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or ()
    if not {"full_attention", "sliding_attention"}.issuperset(kinds):
        return False
    # Rotations that depend on the longest row of a pass.
    if any(kind in str(getattr(config, "rope_parameters", "")) for kind in ("dynamic", "longrope")):
        return False
    return can_be_shared(cache)
