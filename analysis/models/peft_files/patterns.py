"""Names of modules against the patterns of a configuration, within a time limit.

PEFT runs a configuration's regular expressions on every module of the base with Python's `re`,
which cannot be stopped: some take longer than anybody waits. Here they run on the names of tensors,
with a deadline, in the same order and with the same results.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

import regex

from analysis.models.peft_files.configuration import LoraSettings
from analysis.models.peft_files.faults import refusal, short

SECONDS = 0.5
"""The most seconds that all patterns of an adapter take together."""
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
_MOST_EXPRESSIONS = 1000


class Patterns:
    """The regular expressions of one adapter, with one budget of time for all.

    Args:
        adapter: Name of the adapter, for errors.
    """

    def __init__(self, adapter: str) -> None:
        self._adapter = adapter
        self._left = SECONDS
        self._compiled = 0

    def compiled(self, field: str, pattern: str) -> Expression:
        """A regular expression of a field.

        Raises:
            InputError: It is none, or there are too many.
        """
        self._compiled += 1
        if self._compiled > _MOST_EXPRESSIONS:
            raise refusal(
                self._adapter,
                f"its patterns are more than {_MOST_EXPRESSIONS} regular expressions: write the "
                "modules' names in their place.",
            )
        try:
            with self.timed(field, pattern):
                return Expression(self, field, pattern, regex.compile(pattern))
        except (regex.error, RecursionError, OverflowError, MemoryError) as error:
            raise refusal(
                self._adapter,
                f"{field} = {short(pattern)} is no regular expression: write the modules' names.",
            ) from error

    @contextmanager
    def timed(self, field: str, pattern: str) -> Iterator[float]:
        """Takes the time of the work inside from the budget; gives the seconds that are left.

        Raises:
            InputError: None are left.
        """
        if self._left <= 0:
            raise self.too_long(field, pattern)
        began = time.perf_counter()
        try:
            yield self._left
        finally:
            self._left -= time.perf_counter() - began

    def too_long(self, field: str, pattern: str) -> Exception:
        """The refusal of a pattern that cannot be matched in time."""
        return refusal(
            self._adapter,
            f"{field} = {short(pattern)} takes more than {SECONDS} s to match: write the "
            "modules' names as a list in its place.",
        )


class Expression:
    """A regular expression with the budget of time of its adapter."""

    def __init__(
        self, patterns: Patterns, field: str, text: str, expression: regex.Pattern
    ) -> None:
        self._patterns = patterns
        self._field = field
        self._text = text
        self._expression = expression

    def full(self, name: str) -> bool:
        """Whether the whole name matches.

        Raises:
            InputError: It takes too long.
        """
        return self.find(name, whole=True) is not None

    def find(self, name: str, *, whole: bool = False) -> regex.Match | None:
        """The match at the beginning of a name, or of the whole name.

        Raises:
            InputError: It takes too long.
        """
        match = self._expression.fullmatch if whole else self._expression.match
        try:
            with self._patterns.timed(self._field, self._text) as seconds:
                return match(name, timeout=max(1e-3, seconds))
        except TimeoutError as error:
            raise self._patterns.too_long(self._field, self._text) from error


class FirstMatch:
    """The first pattern of a table that a module's name ends with, as PEFT looks it up."""

    def __init__(self, patterns: Patterns, field: str, keys: Iterable[str]) -> None:
        self._keys = tuple(keys)
        self._plain: dict[str, int] = {}
        self._expressions: list[tuple[int, Expression]] = []
        for index, key in enumerate(self._keys):
            if _PLAIN.fullmatch(key):
                self._plain[key] = index
            else:
                compiled = patterns.compiled(field, rf"(.*\.)?({key})$")
                self._expressions.append((index, compiled))

    def of(self, name: str) -> str | None:
        """The pattern for a module, or None.

        Raises:
            InputError: It takes too long.
        """
        first = min(
            (self._plain[end] for end in endings(name) if end in self._plain),
            default=len(self._keys),
        )
        for index, expression in self._expressions:
            if index > first:
                break
            if expression.find(name) is not None:
                return self._keys[index]
        return self._keys[first] if first < len(self._keys) else None


def endings(name: str) -> list[str]:
    """A dotted name, and all its endings that begin after a dot."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]


class Targets:
    """The modules that a configuration names.

    Args:
        patterns: The adapter's patterns.
        settings: The adapter's settings.
    """

    def __init__(self, patterns: Patterns, settings: LoraSettings) -> None:
        self._settings = settings
        self._target = _Names(patterns, "target_modules", settings.targets)
        self._excluded = _Names(patterns, "exclude_modules", settings.excluded)
        layers = settings.layers_patterns or (r"[^.]*",)
        self._layers = [
            patterns.compiled("layers_pattern", rf"(?:^|.*?\.){one}\.(?P<idx>\d+)\.")
            for one in (layers if settings.layers is not None else ())
        ]

    def __contains__(self, name: str) -> bool:
        """Whether a module is among them, as PEFT decides.

        Raises:
            InputError: A pattern takes too long.
        """
        return self.entry_of(name) is not None

    def entry_of(self, name: str) -> str | None:
        """The entry that names a module, or None.

        Raises:
            InputError: A pattern takes too long.
        """
        if self._excluded.entry_of(name) is not None:
            return None
        entry = self._target.entry_of(name)
        if entry is None or isinstance(self._settings.targets, str):
            return entry
        if self._settings.layers is not None:
            found = (one.find(name) for one in self._layers)
            match = next((one for one in found if one is not None), None)
            if match is None or int(match.group("idx")) not in self._settings.layers:
                return None
        return entry


class _Names:
    """Names of modules in a configuration: endings of names, or one regular expression."""

    def __init__(self, patterns: Patterns, field: str, given: str | Collection[str] | None) -> None:
        self._names: frozenset[str] = frozenset()
        self._expression: Expression | None = None
        self._all = isinstance(given, str) and given.lower() == "all-linear"
        self._text = given if isinstance(given, str) else ""
        if isinstance(given, str):
            if not self._all:
                self._expression = patterns.compiled(field, given)
        elif given is not None:
            self._names = frozenset(given)

    def entry_of(self, name: str) -> str | None:
        if self._all:
            return self._text
        if self._expression is not None:
            return self._text if self._expression.full(name) else None
        return next((end for end in endings(name) if end in self._names), None)
