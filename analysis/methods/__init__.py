"""The methods: rules from a query to weights, one file each, found by name.

A method's file holds a `METHOD`. Adding one is adding its file: nothing here learns its name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from analysis.errors import InputError
from analysis.rows import Row


@dataclass(frozen=True)
class Reading:
    """What a method may look at.

    Attributes:
        adapters: Names of the adapters to fuse.
        layers: Number of layers.
        divergence: Gives the divergence, `[layers, adapters]`; calling it may run the model, so
            methods that do not need it do not call it.
    """

    adapters: tuple[str, ...]
    layers: int
    divergence: Callable[[], Tensor]


@dataclass(frozen=True)
class Method:
    """A rule from a query to weights.

    Attributes:
        name: What commands call it.
        label: What people read.
        summary: One sentence about the rule.
        weights: From a reading and the text after the colon of its name (`adapter:math`; empty
            where there is none) to weights, `[layers, adapters]`.
        order: Where it stands among the others.
    """

    name: str
    label: str
    summary: str
    weights: Callable[[Reading, str], Tensor]
    order: int = 100


@cache
def methods() -> dict[str, Method]:
    """All methods by name, in their order."""
    found: list[Method] = [
        importlib.import_module(f"{__name__}.{module.name}").METHOD
        for module in pkgutil.iter_modules(__path__)
    ]
    return {method.name: method for method in sorted(found, key=lambda one: (one.order, one.name))}


def fuse(names: Sequence[str], reading: Reading) -> list[Row]:
    """The rows of some methods, each named as it was asked for.

    Raises:
        InputError: There is no such method, or it was asked for twice.
    """
    rows = []
    for name in names:
        rule, _, argument = name.partition(":")
        if rule not in methods():
            raise InputError(f"There is no method {name!r}: take some of {', '.join(methods())}.")
        if names.count(name) > 1:
            raise InputError(f"Method {name!r} is named twice: name it once.")
        weights_LK = methods()[rule].weights(reading, argument)
        rows.append(Row(name, reading.adapters, weights_LK))
    return rows


def no_argument(name: str, argument: str) -> None:
    """Refuses text after a method's colon where the method takes none."""
    if argument:
        raise InputError(f"Method {name} takes nothing after a colon: leave out {argument!r}.")
