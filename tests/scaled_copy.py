"""Adapters whose effect is known beforehand: zero, a duplicate, a scaled copy."""

from __future__ import annotations

import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from analysis.common.errors import InputError
from analysis.models.adapter_files import CONFIG, TENSORS


def scaled_copy(adapter: Path, folder: Path, factor: float) -> Path:
    """Write a copy of an adapter whose ΔW is `factor` times the original's.

    A factor of 0 makes an adapter that does nothing, 1 a duplicate.

    Args:
        adapter: A folder as PEFT writes it.
        folder: Where to; made if it is not there.
        factor: Of B, and so of ΔW = s B A.

    Returns:
        The folder.

    Raises:
        InputError: The folder holds no adapter.
    """
    if not (adapter / CONFIG).is_file() or not (adapter / TENSORS).is_file():
        raise InputError(f"{str(adapter)!r} holds no adapter: give a folder with {CONFIG}.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(adapter / CONFIG, folder / CONFIG)
    tensors = {
        name: tensor * factor if ".lora_B." in name else tensor
        for name, tensor in load_file(adapter / TENSORS).items()
    }
    save_file(tensors, folder / TENSORS, metadata={"format": "pt"})
    return folder
