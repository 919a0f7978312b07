"""What a base is, beyond its name: a digest of what its numbers follow from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from analysis.common.digests import file_digest
from analysis.models.bases.bundled import DEFAULT_BASE, bundled_base
from analysis.models.bases.prepared_files import changed_files
from analysis.models.bases.weights_header import read_weights_header
from analysis.models.collection import Base

_SAMPLE = 4096
_SAMPLES = 16
"""Pieces that are read of each tensor; a tensor that is not larger is read whole."""
_TOKENIZER = (
    "added_tokens.json", "chat_template.jinja", "merges.txt", "special_tokens_map.json",
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json",
)  # fmt: skip


def base_digest(base: Base) -> str:
    """A digest by which two bases of the same name are told apart, wherever they lie.

    Of a hub id it is that of the commit, of a bundled base that of the shipped file. Of a folder it
    is that of its configuration, of its tokenizer's files and, of each file of weights, of its
    header and 16 pieces of 4 KiB of each tensor, spread from its begin to its end: what training
    changes shows there, and gigabytes need not be read. A few changed rows may lie between.

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
    parts = [_read(folder / "config.json")]
    for path in (folder / name for name in _TOKENIZER):
        parts += [path.name.encode(), file_digest(path).encode()] if path.is_file() else []
    for path in sorted(one for one in folder.glob("*.safetensors") if one.is_file()):
        parts += [path.name.encode(), _weights(path)]
    return _digest(*parts)


def _digest(*parts: str | bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _weights(path: Path) -> bytes:
    """Digest of a file's size, its header, and samples of each tensor."""
    # A damaged file is refused when the base is loaded.
    header = read_weights_header(path)
    found = hashlib.sha256(str(header.size).encode())
    found.update(header.text)
    with path.open("rb") as file:
        for start, end in header.spans or ():
            if 0 <= start <= end <= header.size:
                for place, length in _pieces(start, end):
                    file.seek(header.first + place)
                    found.update(file.read(length))
    return found.digest()


def _pieces(start: int, end: int) -> list[tuple[int, int]]:
    """Begin and length of the pieces of a tensor that are read; the first and last bytes are in."""
    if end - start <= _SAMPLES * _SAMPLE:
        return [(start, end - start)]
    last = end - _SAMPLE
    places = [start + (last - start) * piece // (_SAMPLES - 1) for piece in range(_SAMPLES)]
    return [(place, _SAMPLE) for place in places]
