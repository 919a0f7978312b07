"""Static fusion: every adapter alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.methods import Method, Reading

if TYPE_CHECKING:
    from torch import Tensor


def _weights(reading: Reading, adapter: str) -> Tensor:
    import torch

    count = len(reading.adapters)
    return torch.full((reading.layers, count), 1.0 / count, dtype=torch.float64)


METHOD = Method(
    "static", "Static", "Every adapter weighs 1/k in every layer, whatever the query.", _weights, 10
)
