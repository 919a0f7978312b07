"""Tables of a manifest: every field is read with a check, and every mistake says where it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError

_LONGEST = 80  # characters of a value in a message


class ManifestTable:
    """One table of a TOML manifest.

    Args:
        path: The manifest, named in errors.
        name: Name of the table in errors, such as `[base]`; empty for the top of the file.
        content: The table's value, of any type.
        known: The fields that the table may have.

    Raises:
        InputError: The value is no table, or has a field that is not known.
    """

    def __init__(self, path: Path, name: str, content: Any, known: tuple[str, ...]) -> None:
        self._path = path
        self._name = name
        if not isinstance(content, Mapping):
            raise self.error(f"is {_short(content)}: write a table, with its fields")
        for field in content:
            if field not in known:
                raise self.error(f"has an unknown field {field!r}: take some of {_list(known)}")
        self._content = content

    def error(self, fault: str) -> InputError:
        """An error that names the file and the table."""
        return InputError(" ".join(part for part in (f"{self._path}:", self._name, fault) if part))

    def has(self, field: str) -> bool:
        """Whether the table has a field."""
        return field in self._content

    def text(self, field: str, default: str | None = None, *, empty: bool = False) -> str:
        """A field that holds text.

        Args:
            field: Name of the field.
            default: The text where the field is missing; None where the field must be there.
            empty: Whether the text may be empty or blank.

        Raises:
            InputError: The field is missing, is not text, or is blank.
        """
        if field not in self._content:
            if default is None:
                raise self.error(f'lacks {field}: add {field} = "…"')
            return default
        value = self._content[field]
        if not isinstance(value, str):
            raise self.error(f"has {field} = {_short(value)}: write text in quotes")
        if not empty and not value.strip():
            raise self.error(
                f"has {field} = {_short(value)}: write some text, or leave {field} out"
            )
        return value

    def flag(self, field: str) -> bool:
        """A field that is true or false; false where it is missing.

        Raises:
            InputError: The field is neither.
        """
        value = self._content.get(field, False)
        if not isinstance(value, bool):
            raise self.error(f"has {field} = {_short(value)}: write true or false, without quotes")
        return value

    def name_or_flag(self, field: str, names: tuple[str, ...]) -> str | bool:
        """A field that is true, false, or one of some names; false where it is missing.

        Raises:
            InputError: The field is none of them.
        """
        value = self._content.get(field, False)
        if not isinstance(value, bool) and value not in names:
            raise self.error(
                f"has {field} = {_short(value)}: write true or false, without quotes, or one of "
                f"{_list(names)}"
            )
        found: str | bool = value
        return found

    def texts(self, field: str) -> tuple[str, ...]:
        """A field that holds a list of texts, none of them empty; () where it is missing.

        Raises:
            InputError: The field is no list, or holds something else than text.
        """
        values = self._content.get(field, [])
        if not isinstance(values, list):
            raise self.error(f"has {field} = {_short(values)}: write a list of texts, in [ and ]")
        for value in values:
            if not isinstance(value, str) or not value:
                raise self.error(
                    f"has {_short(value)} in {field}: write a list of texts in quotes that are not "
                    f'empty, such as {field} = ["…"]'
                )
        return tuple(values)

    def table(self, field: str, known: tuple[str, ...]) -> ManifestTable:
        """A field that holds a table.

        Raises:
            InputError: The field is missing or is no such table.
        """
        if field not in self._content:
            raise self.error(f"lacks [{field}]: add it")
        return ManifestTable(self._path, f"[{field}]", self._content[field], known)

    def tables(self, field: str, known: tuple[str, ...]) -> list[ManifestTable]:
        """A field that holds a list of tables; [] where it is missing.

        Raises:
            InputError: The field is no list of such tables.
        """
        values = self._content.get(field, [])
        if not isinstance(values, list):
            raise self.error(f"has {field} = {_short(values)}: write [[{field}]] above each entry")
        return [
            ManifestTable(self._path, f"[[{field}]] number {number}", value, known)
            for number, value in enumerate(values, start=1)
        ]


def _short(value: Any) -> str:
    """A value in a message, which must stay one line that people can read."""
    written = repr(value)
    return written if len(written) <= _LONGEST else written[: _LONGEST - 1] + "…"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)
