"""The base model as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.methods import Method, Reading

if TYPE_CHECKING:
    from torch import Tensor


def _weights(reading: Reading, adapter: str) -> Tensor:
    import torch

    return torch.zeros(reading.layers, len(reading.adapters), dtype=torch.float64)


METHOD = Method("base", "Base", "The base model without any adapter.", _weights, order=0)
