"""Names of the files of an adapter, as PEFT writes them, and the folder in which they lie."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"

MOST_BYTES = 16 * 2**30
"""The most bytes of an adapter's weights."""

MOST_ENTRIES = 1000
"""The most entries of a folder that are looked at."""


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The first entries of a folder; none where it cannot be read."""
    with suppress(OSError), os.scandir(folder) as found:
        yield from itertools.islice(found, MOST_ENTRIES)


def adapter_folder(folder: Path) -> Path:
    """The folder that holds an adapter's files.

    PEFT saves an adapter with a name of its own into a subfolder of that name.

    Args:
        folder: The folder that a user named, or one of the two files in it.

    Returns:
        The folder itself if it has a configuration or weights; the only subfolder that has both;
        or else the folder as it was given.
    """
    if folder.name in (CONFIG, TENSORS) and folder.is_file():
        return folder.parent
    if (folder / CONFIG).is_file() or (folder / TENSORS).is_file():
        return folder
    inside = subfolders(folder)
    return inside[0] if len(inside) == 1 else folder


def subfolders(folder: Path) -> list[Path]:
    """The subfolders that hold an adapter, sorted by name."""
    return sorted(
        path
        for entry in entries(folder)
        if (path := folder / entry.name).is_dir()
        and (path / CONFIG).is_file()
        and (path / TENSORS).is_file()
    )
