"""One table of a manifest, read field by field; a field that cannot be used is refused."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from analysis.common.errors import InputError

_LONGEST = 80  # characters of a value in a message


class ManifestTable:
    """A table of a TOML file, and its place for messages.

    Args:
        path: The manifest.
        place: Where the table stands in it, such as `[base]`; empty for the manifest itself.
        value: What the file holds at that place.
        fields: The names of the fields that such a table may have.

    Raises:
        InputError: The value is no table, or has a field of another name.
    """

    def __init__(self, path: Path, place: str, value: Any, fields: Sequence[str]) -> None:
        self.path, self.place = path, place
        if not isinstance(value, dict):
            self.fail(f"is {_short(value)}, which is no table of fields: write it as a table.")
        self._values: dict[str, Any] = value
        for name in value:
            if name not in fields:
                near = get_close_matches(name, fields, 1)
                remedy = f"did you mean {near[0]!r}?" if near else "leave it out."
                self.fail(f"{name!r} is no field; {', '.join(fields)} are: {remedy}")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def fail(self, message: str) -> NoReturn:
        """Raises InputError with the file and the place before the message."""
        raise InputError(f"{self.path}: {self.place + ' ' if self.place else ''}{message}")

    def refuse(self, name: str, reason: str) -> NoReturn:
        """Raises InputError about the value of a field; the reason ends with the remedy."""
        self.fail(f"{name} = {_short(self._values[name])} {reason}")

    def table(self, name: str, fields: Sequence[str]) -> ManifestTable:
        """A table inside this one, which must be there."""
        return ManifestTable(self.path, f"[{name}]", self._value(name), fields)

    def tables(self, name: str, fields: Sequence[str]) -> list[ManifestTable]:
        """A list of tables; an empty one where the field is absent."""
        values = self._values.get(name, [])
        if not isinstance(values, list):
            self.refuse(name, f"is no list of tables: write [[{name}]] above each of them.")
        return [
            ManifestTable(self.path, f"[[{name}]] {number}:", value, fields)
            for number, value in enumerate(values, start=1)
        ]

    def text(self, name: str, default: str | None = None, *, blank: bool = False) -> str:
        """The text of a field.

        Args:
            name: The field.
            default: Its value where the field is absent; None where it must be there.
            blank: Whether the text may be empty.
        """
        if default is not None and name not in self._values:
            return default
        value = self._value(name)
        if not isinstance(value, str):
            self.refuse(name, "is no text: write it in quotes.")
        if not blank and not value.strip():
            self.refuse(name, "is blank: write something, or leave the field out.")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, none of them empty; no texts where the field is absent."""
        values = self._values.get(name, [])
        if isinstance(values, str):
            self.refuse(name, f"is no list: write {name} = [{_quoted(values)}].")
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            self.refuse(name, "is no list of texts: write each in quotes, between [ and ].")
        if "" in values:
            self.refuse(name, "holds an empty text: leave it out.")
        return tuple(values)

    def flag(self, name: str) -> bool:
        """True or false; false where the field is absent."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            self.refuse(name, "is neither true nor false: write one of them, without quotes.")
        return value

    def _value(self, name: str) -> Any:
        if name not in self._values:
            self.fail(f"lacks {name!r}: add it.")
        return self._values[name]


def _short(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= _LONGEST else written[: _LONGEST - 1] + "…"


def _quoted(text: str) -> str:
    """A TOML basic string, as far as a message needs one."""
    escaped = text.encode("unicode_escape").decode().replace('"', '\\"')
    return f'"{escaped}"'
