"""Static fusion: every adapter alike."""

import torch
from torch import Tensor

from analysis.methods import Method, Reading


def _weights(reading: Reading, adapter: str) -> Tensor:
    count = len(reading.adapters)
    return torch.full((reading.layers, count), 1.0 / count, dtype=torch.float64)


METHOD = Method(
    "static", "Static", "Every adapter weighs 1/k in every layer, whatever the query.", _weights, 10
)
