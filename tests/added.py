"""Files that a test adds to a package from outside, and takes away again."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import app


@contextmanager
def added_tab(folder: Path, name: str, text: str) -> Iterator[str]:
    """Adds a tab's package to `app` for a while.

    Args:
        folder: Where the package is written; `app.__path__` gets it.
        name: The package's name.
        text: The text of its `tab.py`.

    Yields:
        The name of the tab's module.
    """
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "tab.py").write_text(text, encoding="utf-8")
    app.__path__.append(str(folder))
    importlib.invalidate_caches()
    try:
        yield f"app.{name}.tab"
    finally:
        app.__path__.remove(str(folder))
        for module in (f"app.{name}.tab", f"app.{name}"):
            sys.modules.pop(module, None)
        vars(app).pop(name, None)


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
