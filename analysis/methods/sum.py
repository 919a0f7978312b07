"""Task arithmetic with factor 1: the adapters added up."""

import torch
from torch import Tensor

from analysis.methods import Method, Reading


def _weights(reading: Reading, adapter: str) -> Tensor:
    return torch.ones(reading.layers, len(reading.adapters), dtype=torch.float64)


METHOD = Method(
    "sum", "Sum", "Every adapter weighs 1: all that each learned is added up.", _weights, order=20
)
