"""The methods: rules from a query to a row's policy, one file each, found by name.

A method's file holds a `METHOD`. To add a method, add its file to the folder of its kind: discovery
lists it on the page, on the command line and in permalinks. The page lists the methods before torch
is imported, so their files import torch only when they run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.discovery import discover
from analysis.common.errors import InputError
from analysis.methods._absent import absent_methods

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.inference.mixing.policies import Policy
    from analysis.inference.mixing.rows import Row
    from analysis.learning.fit import Fit
    from analysis.measure.context import Context


@dataclass(frozen=True)
class About:
    """What people should know about a method before they trust its numbers. Each part is prose.

    Attributes:
        paper: The paper, as `authors' name (arXiv number)`; "" where there is none.
        paradigm: How the method finds weights: by arithmetic, from the query, by training, ….
        granularity: What a weight belongs to: a query, a layer, a module, a token.
        needs: The data or files that it needs; "nothing" where it needs none.
        cost: What it adds to the work of an answer.
        traps: Its known weaknesses, and where this implementation differs from the paper.
    """

    paper: str
    paradigm: str
    granularity: str
    needs: str
    cost: str
    traps: str


class Unavailable(InputError):
    """A method needs something that is not there; the message names it and the remedy.

    A method raises it before it computes anything, so that the catalogue can ask it at no cost.
    """


@dataclass(frozen=True)
class Method:
    """A rule from a query to a policy.

    Attributes:
        name: Name on the command line and in links.
        label: Name for people; it follows the adapter's label where the method takes one.
        summary: One sentence about the rule.
        policy: From a context, and the adapter that the method's name gives or "", to a policy. It
            raises `Unavailable` where the method needs something that is not there.
        about: What people should know about the method, if it says so.
        order: Methods are listed by ascending order, then by name.
        of_adapter: Whether the method's name gives an adapter after a colon (`adapter:math`).
        of_divergence: Whether the policy depends on divergences.
        fit: What the method learns, if it does; `python -m analysis fit-method` runs it.
    """

    name: str
    label: str
    summary: str
    policy: Callable[[Context, str], Policy]
    about: About | None = None
    order: int = 100
    of_adapter: bool = False
    of_divergence: bool = False
    fit: Fit | None = None

    @property
    def written_name(self) -> str:
        """The name as a request writes it: with `:NAME` where it takes an adapter."""
        return f"{self.name}:NAME" if self.of_adapter else self.name

    @property
    def title(self) -> str:
        """The label where no adapter's label stands before it."""
        return f"An adapter {self.label}" if self.of_adapter else self.label


DEFAULT_METHODS = ("base", "static", "sum", "qa-flora")
"""The methods that answer where a request names none."""


ALL = "all"
"""Stands for every method in a command's list of methods."""


def methods() -> Mapping[str, Method]:
    """All methods by name, in their order."""
    return discover(__name__, tuple(__path__), "METHOD", Method)


def written_names() -> list[str]:
    """The methods' names as a request writes them: `adapter:NAME` where one takes an adapter."""
    return [one.written_name for one in methods().values()]


def expanded(names: Sequence[str], each_adapter: Sequence[str]) -> list[str]:
    """Names in which every method that is not named itself stands in the place of `all`.

    Args:
        names: The methods' names, with or without `all`.
        each_adapter: Stand after the colon of a method that takes an adapter.

    Raises:
        InputError: `all` comes twice.
    """
    if names.count(ALL) > 1:
        raise InputError(f"{ALL!r} is named twice among the methods: name it once.")
    every = [
        name
        for method in methods().values()
        for name in _with_adapters(method, each_adapter)
        if name not in names
    ]
    return [name for given in names for name in (every if given == ALL else [given])]


def _with_adapters(method: Method, adapters: Sequence[str]) -> Iterator[str]:
    if method.of_adapter:
        yield from (f"{method.name}:{adapter}" for adapter in adapters)
    else:
        yield method.name


def named(names: Sequence[str], available: Sequence[str]) -> list[tuple[Method, str]]:
    """The methods of some names, each with the adapter that its name gives, or "".

    Args:
        names: The methods' names, such as `static` and `adapter:math`.
        available: Names of the adapters that are loaded.

    Raises:
        InputError: There is no such method or adapter, or a name comes twice.
    """
    known = methods()
    listed = ", ".join(written_names())
    found = []
    for name in names:
        rule, colon, adapter = name.partition(":")
        method = known.get(rule)
        if method is None or bool(colon) != method.of_adapter:
            absent = {one.written_name: one.answer for one in absent_methods()}
            what = absent.get(name)
            raise InputError(
                f"{what} Take some of {listed}."
                if what
                else f"There is no method {name!r}: take some of {listed}."
            )
        if method.of_adapter and adapter not in available:
            raise InputError(
                f"Method {name!r} names none of the adapters: take one of {', '.join(available)}."
            )
        if names.count(name) > 1:
            raise InputError(f"Method {name!r} is named twice: name it once.")
        found.append((method, adapter))
    if not found:
        raise InputError(f"No method is named: take some of {listed}.")
    return found


def fuse(names: Sequence[str], context: Context) -> list[Row]:
    """The rows of some methods, each with the name that it was asked for by.

    Raises:
        InputError: As `named`.
        Unavailable: A method needs something that is not there.
    """
    from analysis.inference.mixing.rows import Row

    return [
        Row(name, method.policy(context, adapter))
        for name, (method, adapter) in zip(names, named(names, context.available), strict=True)
    ]


def fuse_available(
    names: Sequence[str], context: Context
) -> tuple[list[Row], dict[str, Unavailable]]:
    """The rows of those methods that can run, and for each of the rest the reason.

    A file that was made for other adapters is as good as missing.

    Raises:
        InputError: As `named`.
    """
    rows: list[Row] = []
    reasons: dict[str, Unavailable] = {}
    names = list(dict.fromkeys(names))
    named(names, context.available)
    for name in names:
        try:
            rows += fuse([name], context)
        except InputError as reason:
            reasons[name] = Unavailable(str(reason))
    return rows, reasons


_LEARNT_FROM = {
    "samples": "samples of each adapter",
    "examples": "questions with right answers",
    "own-examples": "questions with answers of each adapter's domain",
}


def learnt(context: Context, fit: Fit, part: str, command: str) -> dict[str, Tensor]:
    """What a fit found for each adapter that is fused, by the adapter's name.

    Args:
        context: The adapters, and where their fitted files are.
        fit: The fit.
        part: The part of its tensors' names before the adapter's name.
        command: Name of a method that has the fit, for the remedy.

    Raises:
        Unavailable: The fitted file is not there, cannot be used, or lacks an adapter.
    """
    remedy = f"`python -m analysis fit-method {command} --tasks FILE` makes it from "
    remedy += _LEARNT_FROM[fit.data]
    try:
        fitted = context.fitted(fit.file)
    except InputError as error:
        raise Unavailable(str(error)) from error
    if fitted is None:
        raise Unavailable(f"The collection has no {fit.file}: {remedy}.")
    for adapter in context.adapters:
        if f"{part}.{adapter}" not in fitted.tensors:
            raise Unavailable(f"{fit.file} was made without the adapter {adapter}: {remedy} anew.")
    return {name: fitted.tensors[f"{part}.{name}"] for name in context.adapters}
