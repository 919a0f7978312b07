"""Digests of files, each computed once as long as the file stays the same."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

_MOST_KNOWN = 256
_PIECE_BYTES = 2**22
_known: OrderedDict[tuple[Path, int, int], str] = OrderedDict()
_lock = threading.Lock()


def file_digest(path: Path, read: Callable[[int], object] = lambda count: None) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits.

    Args:
        path: The file.
        read: Called after each piece of a file that is read, with its bytes.
    """
    state = path.stat()
    key = path, state.st_size, state.st_mtime_ns
    with _lock:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
    digest, piece = hashlib.sha256(), memoryview(bytearray(_PIECE_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(piece):
            digest.update(piece[:count])
            read(count)
    found = digest.hexdigest()
    with _lock:
        _known[key] = found
        while len(_known) > _MOST_KNOWN:
            _known.popitem(last=False)
    return found
