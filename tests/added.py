"""Files that a test adds to a package from outside, and takes away again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


@contextmanager
def added_file(package: ModuleType, path: Path, text: str) -> Iterator[None]:
    """Adds a module to a package for a while.

    Args:
        package: Its `__path__` gets the file's folder.
        path: Where the file is written; its folder is made if it is not there.
        text: The file's text.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    folder, module = str(path.parent), f"{package.__name__}.{path.stem}"
    package.__path__.append(folder)
    try:
        yield
    finally:
        package.__path__.remove(folder)
        sys.modules.pop(module, None)
        vars(package).pop(path.stem, None)
