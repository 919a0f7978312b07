"""What a base is, beyond its name: a digest of what its numbers follow from."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from analysis.common.digests import file_digest
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


def base_digest(base: Base) -> str:
    """A digest by which two bases of the same name are told apart, wherever they lie.

    Of a hub id it is that of the commit, of a bundled base that of the shipped file. Of a folder it
    is that of all bytes of its weights, its configuration and its tokenizer's files, so that two
    bases which differ in a single number are two.

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
    return _digest(*(part for name in sorted(found) for part in (name, _content(found[name]))))


def kept_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, that of a large file kept for later processes.

    A large file is read again only where its place, size, times or inode have changed.

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
    digest = file_digest(path)
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


def _content(path: Path) -> str:
    """The digest of a file; of one that never ends or cannot be read, that alone."""
    try:
        return kept_digest(path) if path.is_file() else "no file"
    except OSError as error:  # the base is refused when it is loaded
        return f"error {error.errno}"
