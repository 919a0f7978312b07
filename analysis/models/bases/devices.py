"""Devices of a base that accelerate spreads over several, or keeps off its device."""

from __future__ import annotations

import psutil
import torch
from torch import Tensor, nn

from analysis.common.errors import InputError

_SPREAD = ("auto", "balanced", "balanced_low_0", "sequential")
"""accelerate's ways to spread a base over the devices that there are."""


def device_of(module: nn.Module) -> torch.device:
    """The device that a linear module computes on.

    accelerate keeps the weights of some modules elsewhere and brings them while they run.
    """
    weight = module.weight
    assert isinstance(weight, Tensor)
    if not weight.is_meta:
        return weight.device
    return torch.device(module._hf_hook.execution_device)  # type: ignore[union-attr, arg-type]


def check_device(name: str) -> None:
    """Refuses a device that is not here.

    Args:
        name: Such as `cpu` or `cuda:1`, or a way in which accelerate spreads a base, as `auto`.

    Raises:
        InputError: There is no such device; with those that there are.
    """
    if name in _SPREAD:
        return
    found = torch.accelerator.current_accelerator(check_available=True)
    count = torch.accelerator.device_count() if found is not None else 0
    here = ["cpu", *(f"{found.type}:{number}" for number in range(count) if found is not None)]
    if name not in here and name not in {one.partition(":")[0] for one in here}:
        raise InputError(f"There is no device {name!r} here: take one of {', '.join(here)}.")


def free_bytes(device: torch.device) -> int:
    """The memory of a device that is free now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
