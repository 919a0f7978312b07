"""One adapter alone, at weight 1: `adapter:math`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.methods import Method, Reading

if TYPE_CHECKING:
    from torch import Tensor


def _weights(reading: Reading, adapter: str) -> Tensor:
    import torch

    weights_LK = torch.zeros(reading.layers, len(reading.adapters), dtype=torch.float64)
    weights_LK[:, reading.adapters.index(adapter)] = 1.0
    return weights_LK


METHOD = Method(
    "adapter",
    "One adapter",
    "A single adapter, as it was trained to run.",
    _weights,
    order=40,
    of_adapter=True,
)
