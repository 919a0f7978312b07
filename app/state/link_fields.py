"""Permalinks: query and settings as an address, and back. What comes back is a stranger's input."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

_LONGEST_QUERY = 8000
_MOST_FIELDS = 64


@dataclass(frozen=True)
class Field:
    """One setting in an address.

    Attributes:
        key: Its name there.
        read: From text to the control's value; raises ValueError where the text is none.
        default: What is left out of the address.
    """

    key: str
    read: Callable[[str], Any]
    default: Any

    def write(self, value: Any) -> str:
        """The value as text."""
        return ",".join(value) if isinstance(value, list) else str(value)


def one_of(*choices: str) -> Callable[[str], str]:
    """Reads one of some names."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return read


def some_of(*choices: str) -> Callable[[str], list[str]]:
    """Reads a list of some names, in their own order."""

    def read(text: str) -> list[str]:
        names = text.split(",") if text else []
        if not set(names) <= set(choices):
            raise ValueError(text)
        return [choice for choice in choices if choice in names]

    return read


def number(least: float, most: float, *, whole: bool = False) -> Callable[[str], float]:
    """Reads a number within bounds."""

    def read(text: str) -> float:
        value = int(text) if whole else float(text)
        if not least <= value <= most:  # NaN is not, either
            raise ValueError(text)
        return value

    return read


def like(pattern: re.Pattern[str]) -> Callable[[str], str]:
    """Reads text of some form."""

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


def encode(fields: Sequence[Field], values: Sequence[Any]) -> str:
    """The settings that differ from their defaults, as the part of an address after `?`.

    A query that does not fit is left out.
    """
    pairs = [
        (field.key, field.write(value))
        for field, value in zip(fields, values, strict=True)
        if value != field.default
    ]
    return urlencode([pair for pair in pairs if fits(pair[1])], errors="replace")


def pairs(link: str) -> dict[str, str]:
    """The names and values of what `encode` made, whatever was made of it since."""
    try:
        return dict(parse_qsl(link, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def decode(fields: Sequence[Field], given: Mapping[str, str]) -> tuple[list[Any], list[str]]:
    """The settings of an address.

    Returns:
        A value for each field, its default where the address has none that can be used; and the
        names of those that cannot.
    """
    values, unusable = [], []
    for field in fields:
        value = field.default
        if field.key in given:
            try:
                value = field.read(given[field.key])
            except ValueError:
                unusable.append(field.key)
        values.append(value)
    return values, unusable
