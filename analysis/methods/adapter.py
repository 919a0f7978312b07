"""One adapter alone, at weight 1: `adapter:math`."""

import torch
from torch import Tensor

from analysis.errors import InputError
from analysis.methods import Method, Reading


def _weights(reading: Reading, argument: str) -> Tensor:
    if argument not in reading.adapters:
        raise InputError(
            f"Method 'adapter:{argument}' names none of the adapters: take one of "
            f"{', '.join(f'adapter:{name}' for name in reading.adapters)}."
        )
    weights_LK = torch.zeros(reading.layers, len(reading.adapters), dtype=torch.float64)
    weights_LK[:, reading.adapters.index(argument)] = 1.0
    return weights_LK


METHOD = Method(
    "adapter", "One adapter", "A single adapter, as it was trained to run.", _weights, order=40
)
