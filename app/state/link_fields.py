"""Permalinks: the query and the settings as an address, and back.

Anybody can write an address, so each value is checked when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

_LONGEST_QUERY = 8000
_MOST_FIELDS = 64


@dataclass(frozen=True)
class Field:
    """One value in an address.

    Attributes:
        key: Its name there.
        read: From text to the control's value; raises ValueError if the text is no such value.
        default: The value that is left out of the address.
    """

    key: str
    read: Callable[[str], Any]
    default: Any

    def write(self, value: Any) -> str:
        """The value as text."""
        return ",".join(value) if isinstance(value, list) else str(value)


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader of one of some names."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return read


def some_of(*choices: str) -> Callable[[str], list[str]]:
    """A reader of a list of some names; the list gets the order of the names."""

    def read(text: str) -> list[str]:
        names = text.split(",") if text else []
        if not set(names) <= set(choices):
            raise ValueError(text)
        return [choice for choice in choices if choice in names]

    return read


def number(least: float, most: float, *, whole: bool = False) -> Callable[[str], float]:
    """A reader of a number within bounds."""

    def read(text: str) -> float:
        value = int(text) if whole else float(text)
        if not least <= value <= most:  # also refuses NaN
            raise ValueError(text)
        return value

    return read


def flag(text: str) -> bool:
    """Reads yes or no."""
    if text not in ("True", "False"):
        raise ValueError(text)
    return text == "True"


def matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    """A reader of text that matches a pattern."""

    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(text)
        return text

    return read


def query(text: str) -> str:
    """Reads a query."""
    if not fits(text):
        raise ValueError("too long")
    return text


def fits(query: str) -> bool:
    """Whether a query is short enough for an address."""
    return len(query) <= _LONGEST_QUERY


class LinkFields:
    """The values that a permalink can hold, by the names of their controls.

    Args:
        fields: The fields by the names of their controls.
    """

    def __init__(self, fields: Mapping[str, Field] | None = None) -> None:
        self._fields = dict(fields or {})

    def add(self, fields: Mapping[str, Field]) -> None:
        """Adds the fields of some controls.

        Args:
            fields: The fields by the names of their controls.

        Raises:
            ValueError: A name or a key is there already.
        """
        for name, field in fields.items():
            if name in self._fields or field.key in self.keys:
                raise ValueError(f"two controls have the name {name!r} or the key {field.key!r}")
            self._fields[name] = field

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in an address."""
        return tuple(field.key for field in self._fields.values())

    @property
    def defaults(self) -> dict[str, Any]:
        """The controls' values by name where an address has none."""
        return {name: field.default for name, field in self._fields.items()}

    def encode(self, values: Mapping[str, Any]) -> str:
        """The values that differ from their defaults, as the part of an address after `?`.

        A query that is too long is left out.

        Args:
            values: The controls' values by name; a control without a value has its default.
        """
        pairs = [
            (field.key, field.write(values[name]))
            for name, field in self._fields.items()
            if name in values and values[name] != field.default
        ]
        return urlencode([pair for pair in pairs if fits(pair[1])], errors="replace")

    def decode(self, given: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
        """The values in an address.

        Args:
            given: The keys and values of the address.

        Returns:
            The usable values by the names of their controls; and the keys of the values that
            cannot be used.
        """
        values: dict[str, Any] = {}
        unusable: list[str] = []
        for name, field in self._fields.items():
            if field.key in given:
                try:
                    values[name] = field.read(given[field.key])
                except ValueError:
                    unusable.append(field.key)
        return values, unusable


def pairs(link: str) -> dict[str, str]:
    """The keys and values in the part of an address after `?`; empty if it has too many."""
    try:
        return dict(parse_qsl(link, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}
