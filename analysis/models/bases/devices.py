"""Devices of a base that accelerate spreads over several, or keeps off its device."""

from __future__ import annotations

import psutil
import torch
from torch import Tensor, nn


def device_of(module: nn.Module) -> torch.device:
    """The device that a linear module computes on.

    accelerate keeps the weights of some modules elsewhere and brings them while they run.
    """
    weight = module.weight
    assert isinstance(weight, Tensor)
    if not weight.is_meta:
        return weight.device
    return torch.device(module._hf_hook.execution_device)  # type: ignore[union-attr, arg-type]


def free_bytes(device: torch.device) -> int:
    """The memory of a device that is free now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
