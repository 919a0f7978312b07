"""The methods by the folders that they lie in."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

from analysis.common.discovery import discover
from analysis.methods import Method, methods


@dataclass(frozen=True)
class Group:
    """The methods of one folder.

    Attributes:
        title: The folder's name in words; "Further methods" for files outside a folder.
        summary: The first line of the folder's docstring; "" where it has none.
        methods: The methods, in their order.
    """

    title: str
    summary: str
    methods: tuple[Method, ...]


def groups() -> list[Group]:
    """The methods by folder; the folder of the first method comes first."""
    package = importlib.import_module(Method.__module__)
    left = dict(methods())
    found = []
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg or module.name.startswith("_"):
            continue
        folder = importlib.import_module(f"{package.__name__}.{module.name}")
        listed = discover(folder.__name__, tuple(folder.__path__), "METHOD", Method)
        title = module.name.replace("_", " ").capitalize()
        summary = (folder.__doc__ or "").partition("\n")[0].strip()
        found.append(Group(title, summary, tuple(listed.values())))
        left = {name: method for name, method in left.items() if name not in listed}
    found.append(Group("Further methods", "", tuple(left.values())))
    places = list(methods())
    return sorted(
        (group for group in found if group.methods),
        key=lambda group: places.index(group.methods[0].name),
    )
