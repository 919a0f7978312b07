"""Task arithmetic with factor 1: the adapters added up."""

import torch
from torch import Tensor

from analysis.methods import Method, Reading, no_argument


def _weights(reading: Reading, argument: str) -> Tensor:
    no_argument("sum", argument)
    return torch.ones(reading.layers, len(reading.adapters), dtype=torch.float64)


METHOD = Method(
    "sum", "Sum", "Every adapter weighs 1: all that each learned is added up.", _weights, order=20
)
