"""The files of an adapter's folder: found, or refused with what lies there in their place."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError
from analysis.models.adapter_files import (
    CONFIG,
    MOST_BYTES,
    TENSORS,
    adapter_folder,
    entries,
    subfolders,
)
from analysis.models.peft_files.faults import listed, refusal, short

_CONFIG_BYTES = 2_000_000
_LFS_POINTER = b"version https://git-lfs"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


def is_lfs_pointer(path: Path) -> bool:
    """Whether Git LFS left a pointer in the place of a file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return file.read(len(_LFS_POINTER)) == _LFS_POINTER


def config_of(adapter: str, folder: Path) -> dict[str, Any]:
    """An adapter's configuration as data.

    Raises:
        InputError: There is none, it is too large, or it is not a JSON object.
    """
    folder = adapter_folder(folder)
    path = folder / CONFIG
    if not path.is_file():
        raise _missing(adapter, folder, CONFIG)
    try:
        if path.stat().st_size > _CONFIG_BYTES:
            raise refusal(
                adapter,
                f"{CONFIG} has {path.stat().st_size:,} bytes, and at most {_CONFIG_BYTES:,} are "
                "read: save the adapter again with PEFT's save_pretrained.",
            )
        config = json.loads(path.read_text(encoding="utf-8"))
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise refusal(
            adapter,
            f"{CONFIG} cannot be read ({type(error).__name__}: {short(str(error))}): "
            "save the adapter again with PEFT's save_pretrained.",
        ) from error
    if not isinstance(config, dict):
        raise refusal(adapter, f"{CONFIG} holds no JSON object: take the file that PEFT wrote.")
    return config


def tensors_of(adapter: str, folder: Path) -> Path:
    """The path of an adapter's weights, whose size is within the limits.

    Raises:
        InputError: There is no such file, or it cannot be one.
    """
    folder = adapter_folder(folder)
    path = folder / TENSORS
    if not path.is_file():
        raise _missing(adapter, folder, TENSORS)
    try:
        size = path.stat().st_size
        pointer = is_lfs_pointer(path)
    except OSError as error:
        raise refusal(
            adapter, f"{TENSORS} cannot be read ({error.strerror}): make it readable."
        ) from error
    if pointer:
        raise refusal(
            adapter,
            f"{TENSORS} is a pointer of Git LFS, not the weights: run `git lfs pull` there.",
        )
    if size > MOST_BYTES:
        raise refusal(
            adapter,
            f"{TENSORS} has {size / 2**30:.1f} GiB, and at most {MOST_BYTES // 2**30} GiB are "
            "read: extract a LoRA of a lower rank.",
        )
    return path


def own_files(folder: Path) -> tuple[str, ...]:
    """Names of the regular files beside an adapter's weights."""
    return tuple(
        sorted(entry.name for entry in entries(adapter_folder(folder)) if _is_file(entry.path))
    )


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False


def _missing(adapter: str, folder: Path, name: str) -> InputError:
    """Why a folder lacks a file, as far as its other files tell."""
    place = f"{short(str(folder))[1:-1]} has no {name}"
    if not folder.is_dir():
        if folder.exists():
            return refusal(
                adapter, f"{short(str(folder))[1:-1]} is no folder: give the adapter's folder."
            )
        return refusal(
            adapter, f"there is no folder {short(str(folder))[1:-1]}: it has no {CONFIG}; give the "
            "folder that PEFT's save_pretrained wrote."
        )  # fmt: skip
    if several := subfolders(folder):
        names = listed(path.name for path in several)
        return refusal(adapter, f"{place}, and several subfolders have: give one of {names}.")
    files = {entry.name.lower(): entry.name for entry in entries(folder)}
    if "adapters.safetensors" in files:
        return refusal(
            adapter,
            f"{place} but adapters.safetensors, MLX's form, whose matrices lie the other way "
            "round: convert it to PEFT's form (lora_A = lora_aᵀ, lora_B = lora_bᵀ).",
        )
    if f"{TENSORS}.index.json" in files:
        return refusal(
            adapter,
            f"{place}, its weights are split over several files: load the adapter with PEFT and "
            "save_pretrained it in one.",
        )
    if gguf := [files[one] for one in files if one.endswith(".gguf")]:
        return refusal(
            adapter,
            f"{place} but {short(min(gguf))[1:-1]}, a LoRA for llama.cpp: take the PEFT folder "
            "that it was converted from.",
        )
    if pickles := [files[one] for one in files if one.endswith(_PICKLES)]:
        return refusal(
            adapter,
            f"{place}, only {short(min(pickles))[1:-1]}: a pickle can run code when it is read. "
            "Save it again with safe_serialization=True.",
        )
    weights = [files[one] for one in files if one.endswith(".safetensors") and one != TENSORS]
    if "config.json" in files and weights:
        return refusal(
            adapter, f"{place}, it is a whole model: give it as --base, or give a LoRA adapter."
        )
    if weights and name == TENSORS:
        return refusal(
            adapter,
            f"{place} but {listed(weights)}: if that is the adapter, rename it to {TENSORS}.",
        )
    return refusal(adapter, f"{place}: give the folder that PEFT's save_pretrained wrote.")
