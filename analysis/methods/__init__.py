"""The methods: rules from a query to weights, one file each, found by name.

A method's file holds a `METHOD`. Adding one is adding its file: nothing here learns its name. The
page lists the methods before it can wait for torch, so their files import it only when they run.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.inference.rows import Row

if TYPE_CHECKING:
    from torch import Tensor


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
        weights: From a reading, and the adapter that its name gives, to weights,
            `[layers, adapters]`.
        order: Where it stands among the others.
        of_adapter: Whether its name gives an adapter after a colon (`adapter:math`).
    """

    name: str
    label: str
    summary: str
    weights: Callable[[Reading, str], Tensor]
    order: int = 100
    of_adapter: bool = False


@cache
def methods() -> dict[str, Method]:
    """All methods by name, in their order."""
    found: list[Method] = [
        importlib.import_module(f"{__name__}.{module.name}").METHOD
        for module in pkgutil.iter_modules(__path__)
    ]
    return {method.name: method for method in sorted(found, key=lambda one: (one.order, one.name))}


def named(names: Sequence[str], adapters: Sequence[str]) -> list[tuple[Method, str]]:
    """The methods of some names, each with the adapter that its name gives, or "".

    Raises:
        InputError: There is no such method or adapter, or one was asked for twice.
    """
    found = []
    for name in names:
        rule, colon, adapter = name.partition(":")
        method = methods().get(rule)
        if method is None or bool(colon) != method.of_adapter:
            known = [
                f"{one.name}:NAME" if one.of_adapter else one.name for one in methods().values()
            ]
            raise InputError(f"There is no method {name!r}: take some of {', '.join(known)}.")
        if method.of_adapter and adapter not in adapters:
            raise InputError(
                f"Method {name!r} names none of the adapters: take one of {', '.join(adapters)}."
            )
        if names.count(name) > 1:
            raise InputError(f"Method {name!r} is named twice: name it once.")
        found.append((method, adapter))
    if not found:
        raise InputError(f"No method is named: take some of {', '.join(methods())}.")
    return found


def fuse(names: Sequence[str], reading: Reading) -> list[Row]:
    """The rows of some methods, each named as it was asked for.

    Raises:
        InputError: As `named`.
    """
    return [
        Row(name, reading.adapters, method.weights(reading, adapter))
        for name, (method, adapter) in zip(names, named(names, reading.adapters), strict=True)
    ]
