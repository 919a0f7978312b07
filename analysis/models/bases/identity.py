"""What a base is, beyond its name: a digest of what its numbers follow from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from analysis.common.digests import file_digest
from analysis.common.progress import Progress
from analysis.common.texts.said import say
from analysis.models.bases.bundled import DEFAULT_BASE, bundled_base
from analysis.models.bases.prepared_files import changed_files
from analysis.models.collection import Base

_FILES = (
    "config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json",
    # Of tokenizers.
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt",
    "tekken.json", "*.model", "*.jinja", "chat_template.json",
)  # fmt: skip
# The digest of a smaller file takes less than a tenth of a second.
LARGE_BYTES = 64 * 2**20
# So often the reading of a large base is told.
_TOLD = 20

Read = Callable[[int], object]
"""Called with the bytes of each piece that is read."""


def _untold(count: int) -> None:
    pass


def base_digest(base: Base, progress: Progress | None = None) -> str:
    """A digest by which two bases of the same name are told apart, wherever they lie.

    Of a hub id it is that of the commit, of a bundled base that of the shipped file. Of a folder it
    is that of all bytes of its weights, its configuration and its tokenizer's files, so that two
    bases which differ in a single number are two.

    Args:
        base: The base.
        progress: Told how much of a large base is read; what was read before is not read.

    Returns:
        64 hexadecimal digits.
    """
    if base.source == "hub":
        return _digest("hub", base.location, base.revision or "")
    folder = Path(base.location)
    if base.source == "embedded":
        # The first page need not wait for its imports.
        from analysis.models.bases.bundled_base import prepared_folder

        name = base.location or DEFAULT_BASE
        folder = prepared_folder(name)
        if not changed_files(folder):
            return bundled_base(name).sha256
    found = {path.name: path for pattern in _FILES for path in folder.glob(pattern)}
    read = _counted(found.values(), progress) if progress is not None else _untold
    contents = {name: _content(path, read) for name, path in found.items()}
    return _digest(*(part for name in sorted(found) for part in (name, contents[name])))


def kept_digest(path: Path, read: Read = _untold) -> str:
    """The SHA-256 of a file's bytes, that of a large file kept for later processes.

    A large file is read again only where its place, size, times or inode have changed.

    Args:
        path: The file.
        read: Called with the bytes of each piece of a large file that is read.

    Raises:
        OSError: The file cannot be read.
    """
    state = path.stat()
    if state.st_size < LARGE_BYTES:
        return file_digest(path)
    from analysis.models.bases.bundled_base import home  # its imports take a while

    place = str(path.resolve())
    # The time of an inode's last change cannot be set back, as that of the content can.
    own = [place, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
    note = home() / "digests" / f"{_digest(place)[:32]}.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(note.read_text(encoding="utf-8"))
        if kept["file"] == own:
            return str(kept["sha256"])
    digest = file_digest(path, read)
    with suppress(OSError):  # a cache that cannot be written costs time alone
        note.parent.mkdir(parents=True, exist_ok=True)
        part = note.with_name(f"{note.name}.{os.getpid()}.part")
        part.write_text(json.dumps({"file": own, "sha256": digest}) + "\n", encoding="utf-8")
        part.replace(note)
    return digest


def _digest(*parts: str) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part.encode(errors="surrogateescape")).digest())
    return whole.hexdigest()


def _counted(paths: Iterable[Path], progress: Progress) -> Read:
    """Tells of what is read of a base's large files."""
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    whole = sum(size for size in sizes if size >= LARGE_BYTES)
    done = told = 0

    def read(count: int) -> None:
        nonlocal done, told
        done += count
        if done * _TOLD >= (told + 1) * whole:
            told = done * _TOLD // whole
            said = say(
                "reading the base's files, once: {done} of {whole} GB",
                done=f"{done / 1e9:.1f}",
                whole=f"{whole / 1e9:.1f}",
            )
            progress(said, done / whole)

    return read


def _content(path: Path, read: Read) -> str:
    """The digest of a file; of one that never ends or cannot be read, that alone."""
    try:
        return kept_digest(path, read) if path.is_file() else "no file"
    except OSError as error:  # the base is refused when it is loaded
        return f"error {error.errno}"
