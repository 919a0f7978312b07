"""Task arithmetic with factor 1: the adapters added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.methods import Method, Reading

if TYPE_CHECKING:
    from torch import Tensor


def _weights(reading: Reading, adapter: str) -> Tensor:
    import torch

    return torch.ones(reading.layers, len(reading.adapters), dtype=torch.float64)


METHOD = Method(
    "sum", "Sum", "Every adapter weighs 1: all that each learned is added up.", _weights, order=20
)
