"""Lists the objects of a package whose files hold one object each, such as lenses and metrics."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Protocol, TypeVar


class Listed(Protocol):
    """An object that a package lists."""

    @property
    def name(self) -> str:
        """The name that commands and links use."""

    @property
    def order(self) -> int:
        """Its place in lists: a lower number stands first."""


ListedT = TypeVar("ListedT", bound=Listed)


@cache
def discover(
    package: str, path: tuple[str, ...], attribute: str, kind: type[ListedT]
) -> Mapping[str, ListedT]:
    """The objects in the files of a package, by name, sorted by order and then by name.

    The files lie in the package or in packages inside it. A file whose name starts with an
    underscore holds code that the other files share, and no object. The listing is kept for each
    `path`: a folder that is added to the package's `__path__`, or removed from it, changes the next
    listing. A file that is added to a folder of the path is found when the process starts anew.

    Args:
        package: The package's full name.
        path: The package's `__path__`.
        attribute: The name of the object in every file, such as `LENS`.
        kind: The object's class.

    Raises:
        TypeError: A file holds no such object.
        ValueError: Two files hold objects of the same name.
    """
    found: dict[str, ListedT] = {}
    for full_name in _modules(package, path):
        listed = getattr(importlib.import_module(full_name), attribute, None)
        if not isinstance(listed, kind):
            raise TypeError(f"{full_name} has no {attribute} of class {kind.__name__}")
        if listed.name in found:
            raise ValueError(f"{full_name}: another file of {package} is named {listed.name!r} too")
        found[listed.name] = listed
    in_order = sorted(found.values(), key=lambda listed: (listed.order, listed.name))
    return MappingProxyType({listed.name: listed for listed in in_order})


def _modules(package: str, path: Iterable[str]) -> Iterator[str]:
    """The full names of the modules of a package and of the packages inside it."""
    for module in pkgutil.iter_modules(path):
        full_name = f"{package}.{module.name}"
        if module.name.startswith("_"):
            continue
        if module.ispkg:
            yield from _modules(full_name, importlib.import_module(full_name).__path__)
        else:
            yield full_name
