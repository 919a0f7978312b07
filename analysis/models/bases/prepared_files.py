"""The record of a prepared base: what its files were when they were made.

Digests are compared only where a file's size or time has changed, so that a start reads no file
twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from analysis.common.digests import file_digest
from analysis.models.bases.weights_header import read_weights_header

RECORD = "prepared.json"
_FIELDS = ("size", "time", "sha256")


def record(folder: Path, names: Sequence[str]) -> None:
    """Writes down the size, time and digest of some files of a folder."""
    found = {name: _stat(folder / name) | {"sha256": file_digest(folder / name)} for name in names}
    part = folder / f"{RECORD}.part"
    part.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / RECORD)


def record_earlier(folder: Path, names: Sequence[str]) -> None:
    """Records the files of a base that has no usable record, if the folder can be written.

    An earlier version made none. The files count as they are: only later changes are noticed.
    """
    if not _recorded(folder):
        with suppress(OSError):
            record(folder, names)


def changed_files(folder: Path) -> tuple[str, ...]:
    """Names of the recorded files that are not as they were made; none without a record."""
    return tuple(name for name, was in _recorded(folder).items() if not _same(folder / name, was))


def damaged_files(folder: Path) -> tuple[str, ...]:
    """Names of the recorded files that have changed since and cannot be read any more."""
    return tuple(name for name in changed_files(folder) if not _is_readable(folder / name))


def _is_readable(path: Path) -> bool:
    if path.suffix == ".safetensors":
        return path.is_file() and read_weights_header(path).whole
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _recorded(folder: Path) -> dict[str, dict[str, Any]]:
    """The record by file; empty where there is none that can be read."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return {name: {key: was[key] for key in _FIELDS} for name, was in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _same(path: Path, was: dict[str, Any]) -> bool:
    if not path.is_file():
        return False
    now = _stat(path)
    if now == {key: was[key] for key in now}:
        return True
    # A copied folder has other times.
    return bool(now["size"] == was["size"] and file_digest(path) == was["sha256"])


def _stat(path: Path) -> dict[str, int]:
    state = path.stat()
    return {"size": state.st_size, "time": state.st_mtime_ns}
