"""TOML files of lessons: every field is read with a check, and a mistake says file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError

_TABLE = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")
_LONG = ('"""', "'''")

Place = tuple[str, ...]
"""Where a value stands: the keys that lead to it."""


class TomlFile:
    """One TOML file.

    Args:
        path: The file.

    Attributes:
        content: What it holds.

    Raises:
        InputError: It cannot be read, or is not TOML.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read ({error}): write it as UTF-8 text.") from error
        try:
            self.content: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{path} is not valid TOML: {error}.") from error
        self._lines = _lines(text)

    def error(self, place: Place, fault: str) -> InputError:
        """An error that names file and line.

        Args:
            place: Where the mistake is; a missing value has the line of its table.
            fault: The mistake, and the remedy.
        """
        for end in range(len(place), 0, -1):
            if place[:end] in self._lines:
                line = self._lines[place[:end]]
                return InputError(f"{self._path}, line {line}: {'.'.join(place)} {fault}.")
        return InputError(f"{self._path}, line 1: {'.'.join(place)} {fault}.")

    def value(self, place: Place, kind: type, default: Any = None) -> Any:
        """A value of a kind, or the default; a value that must be there has the default None.

        Raises:
            InputError: It is missing, or of another kind.
        """
        found: Any = self.content
        for key in place:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is None:
            if default is None:
                raise self.error(place, "is missing: add it")
            return default
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            names = {str: "text in quotes", int: "a whole number", bool: "true or false"}
            raise self.error(place, f"is {found!r:.60}: write {names.get(kind, 'a list')}")
        if isinstance(found, str) and not found.strip():
            raise self.error(place, "is empty: write some text")
        return found

    def texts(self, place: Place, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts.

        Raises:
            InputError: It is missing where there is no default, or holds something else.
        """
        found = self.value(place, list, None if default is None else list(default))
        if not all(isinstance(one, str) and one.strip() for one in found):
            raise self.error(place, "has a part that is no text: write a list of texts in quotes")
        return tuple(found)

    def check_one_of(self, place: Place, value: str, known: Collection[str]) -> None:
        """Refuses a value that is not among those that are known.

        Raises:
            InputError: It is not.
        """
        if value not in known:
            raise self.error(place, f"is {value!r}: take one of {', '.join(sorted(known))}")

    def check_keys(self, place: Place, known: Collection[str]) -> None:
        """Refuses keys of a table that nothing reads.

        Raises:
            InputError: There is such a key, or no table.
        """
        found: Any = self.content
        for key in place:
            found = found.get(key, {}) if isinstance(found, Mapping) else {}
        if not isinstance(found, Mapping):
            raise self.error(place, "is no table: write its fields")
        for key in found:
            if key not in known:
                where = (*place, key)
                raise self.error(where, f"is not known: take some of {', '.join(sorted(known))}")


def leaves(content: Mapping[str, Any], at: Place = ()) -> dict[Place, Any]:
    """The values of nested tables by their places."""
    found: dict[Place, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            found |= leaves(value, (*at, key))
        else:
            found[(*at, key)] = value
    return found


def _lines(text: str) -> dict[Place, int]:
    """The lines of the tables and keys of a file that is valid TOML."""
    found: dict[Place, int] = {}
    table: Place = ()
    inside = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not inside:
            if match := _TABLE.match(line):
                table = _keys(match[1])
                found.setdefault(table, number)
            elif match := _KEY.match(line):
                keys = _keys(match[1])
                for end in range(1, len(keys) + 1):
                    found.setdefault((*table, *keys[:end]), number)
        for quotes in _LONG:
            if inside in ("", quotes) and line.count(quotes) % 2:
                inside = "" if inside else quotes
                break
    return found


def _keys(written: str) -> Place:
    return tuple(part.strip().strip("\"'") for part in written.split("."))
