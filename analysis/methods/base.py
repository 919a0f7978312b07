"""The base model as it is."""

import torch
from torch import Tensor

from analysis.methods import Method, Reading


def _weights(reading: Reading, adapter: str) -> Tensor:
    return torch.zeros(reading.layers, len(reading.adapters), dtype=torch.float64)


METHOD = Method("base", "Base", "The base model without any adapter.", _weights, order=0)
