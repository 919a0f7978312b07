"""Whole tensors of the base in an adapter's file: harmless where they equal the base's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from analysis.models.peft_files.base_names import Cores
from analysis.models.peft_files.faults import refusal, short
from analysis.models.peft_files.header import TensorHeader

_NUMBERS = 4_000_000
"""How many numbers are compared at a time."""


class BaseTensors:
    """The base's own tensors, to compare with.

    Args:
        model: The base.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers()]
        self._tensors = dict(named)
        self._cores = Cores(self._tensors)

    def of(self, name: str) -> Tensor | None:
        """The base's tensor of a name, or of the only one with the same core; None without."""
        if name in self._tensors:
            return self._tensors[name]
        same = self._cores.of(name)
        return self._tensors[same[0]] if len(same) == 1 else None


def check_equal(
    adapter: str, key: str, name: str, header: TensorHeader, base: BaseTensors, file: Any
) -> None:
    """Refuses a whole tensor that is not the base's own.

    Args:
        adapter: Name of the adapter.
        key: The tensor's name in the file.
        name: Its name in the base.
        header: Its type and shape.
        base: The base's tensors.
        file: The open safetensors file.

    Raises:
        InputError: The base has no such tensor, or another one.
    """
    own = base.of(name)
    if own is None:
        raise refusal(
            adapter,
            f"it holds {short(key)}, which is neither the A nor the B of a linear module, nor a "
            "tensor of this base: such an adapter cannot be mixed. Retrain it without.",
        )
    shape = tuple(own.shape)
    if header.shape != shape:
        vocabulary = any(word in name for word in ("embed", "wte", "lm_head"))
        reason = "it was made for another base model"
        if vocabulary and header.shape[1:] == shape[1:]:
            reason = "its vocabulary was resized; train on the base's own tokens"
        raise refusal(
            adapter,
            f"it holds {short(key)} of shape {header.shape}, and the base's has {shape}: {reason}.",
        )
    if not _equal(file, key, own):
        raise refusal(
            adapter,
            f"it holds {short(key)}, which differs from the base's: a whole tensor cannot be "
            "weighted. Retrain it without modules_to_save and biases.",
        )


def _equal(file: Any, key: str, own: Tensor) -> bool:
    """Whether a stored tensor is the base's, in the coarser precision of the two; part by part."""
    if own.dim() == 0:
        return bool(_same(file.get_tensor(key), own))
    stored = file.get_slice(key)
    rows = max(1, _NUMBERS // max(1, own[0].numel())) if own.shape[0] else 1
    return all(
        _same(stored[start : start + rows], own[start : start + rows])
        for start in range(0, own.shape[0], rows)
    )


def _same(stored: Tensor, own: Tensor) -> bool:
    own = own.detach().cpu()
    return torch.equal(stored.to(own.dtype), own) or torch.equal(
        own.to(stored.dtype).float(), stored.float()
    )
