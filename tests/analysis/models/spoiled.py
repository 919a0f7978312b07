"""Changes of an adapter's folder, for tests of what people bring."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from analysis.models.adapter_files import CONFIG, TENSORS

Change = Callable[[Path], None]


def configured(**changes: Any) -> Change:
    """Other settings in the configuration."""

    def change(folder: Path) -> None:
        path = folder / CONFIG
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def only(**settings: Any) -> Change:
    """A configuration of these settings alone."""
    return lambda folder: (folder / CONFIG).write_text(json.dumps(settings)) and None


def with_tensors(change: Callable[[dict[str, Tensor]], object]) -> Change:
    """Other tensors."""

    def spoil(folder: Path) -> None:
        tensors = load_file(folder / TENSORS)
        change(tensors)
        save_file({name: one.contiguous() for name, one in tensors.items()}, folder / TENSORS)

    return spoil


def added(**tensors: Tensor) -> Change:
    """More tensors; `__` in a name stands for a dot."""
    named = {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    return with_tensors(lambda found: found.update(named))


def renamed(old: str, new: str) -> Change:
    """Other names of tensors."""

    def change(tensors: dict[str, Tensor]) -> None:
        for key in [key for key in tensors if old in key]:
            tensors[key.replace(old, new)] = tensors.pop(key)

    return with_tensors(change)


def scaled(factor: float, part: str = "lora_B") -> Change:
    """Matrices times a factor."""

    def change(tensors: dict[str, Tensor]) -> None:
        for key in tensors:
            if part in key:
                tensors[key] = tensors[key] * factor

    return with_tensors(change)


def typed(dtype: Any) -> Change:
    """All tensors in another type."""

    def change(tensors: dict[str, Tensor]) -> None:
        for key in tensors:
            tensors[key] = tensors[key].to(dtype)

    return with_tensors(change)


def cut(share: float) -> Change:
    """A share of the weights' file."""

    def change(folder: Path) -> None:
        content = (folder / TENSORS).read_bytes()
        (folder / TENSORS).write_bytes(content[: int(share * len(content))])

    return change


def written(name: str, content: str | bytes) -> Change:
    """A file with this content."""
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data) and None


def without(name: str) -> Change:
    """No such file."""
    return lambda folder: (folder / name).unlink()


def moved(old: str, new: str) -> Change:
    """A file under another name, which may lie in a subfolder."""

    def change(folder: Path) -> None:
        (folder / new).parent.mkdir(exist_ok=True)
        (folder / old).rename(folder / new)

    return change


def together(*changes: Change) -> Change:
    """Several changes, one after the other."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def with_header(
    header: bytes | Mapping[str, Any], body: int = 0, length: int | None = None
) -> Change:
    """A file of weights with this header, which may say another length, and a body of zeros."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()

    def change(folder: Path) -> None:
        with (folder / TENSORS).open("wb") as file:
            file.write(struct.pack("<Q", len(text) if length is None else length) + text)
            file.truncate(8 + len(text) + body)

    return change
