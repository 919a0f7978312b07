"""Lists of queries: one a line, or JSON lines such as task files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.common.errors import InputError

FIELDS = ("instruction", "query", "question")
"""The fields of a JSON line that may hold the query; the first that is there counts."""

_MARK = "\ufeff"
"""The byte order mark that some editors put before a text."""

_NAMED = 8
"""A message names at most so many lines."""


@dataclass(frozen=True)
class ListedQuery:
    """A query of a list.

    Attributes:
        line: Its line in the list, from 1.
        text: The query.
    """

    line: int
    text: str


def queries_in(text: str) -> tuple[ListedQuery, ...]:
    """The queries of a text: one a line; a line that is a JSON object holds it in a field.

    The `input` that belongs to an `instruction` follows it after an empty line.

    Args:
        text: The lines; empty ones are left out. Only a line feed, alone or after a carriage
            return, ends a line: JSON strings may hold other characters that end lines elsewhere.

    Raises:
        InputError: There are none, a line begins as JSON and is no JSON object, or JSON lines have
            no query; the message names those lines.
    """
    found, bad, broken = [], [], []
    for line, written in enumerate(text.removeprefix(_MARK).split("\n"), start=1):
        if not (content := written.strip()):
            continue
        if not content.startswith(("{", "[")):
            found.append(ListedQuery(line, content))
            continue
        fields = _object(content)
        if fields is None:
            broken.append(line)
        elif (query := _query(fields)).strip():
            found.append(ListedQuery(line, query))
        else:
            bad.append(line)
    if broken:
        raise InputError(
            f"{lines_named(broken)} {'begins' if len(broken) == 1 else 'begin'} with {{ or [ and "
            f"{'is no JSON object' if len(broken) == 1 else 'are no JSON objects'}: write one "
            'object a line, such as {"query": "…"}, which holds any text.'
        )
    if bad:
        raise InputError(
            f"{lines_named(bad)} {'has' if len(bad) == 1 else 'have'} no query: give it in a field "
            f"{', '.join(FIELDS[:-1])} or {FIELDS[-1]}."
        )
    if not found:
        raise InputError("There are no queries: write one a line.")
    return tuple(found)


def read_queries(path: Path) -> tuple[ListedQuery, ...]:
    """The queries of a file; see `queries_in`.

    Raises:
        InputError: The file cannot be read as UTF-8, or its queries cannot be used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): give a UTF-8 text file.") from error
    try:
        return queries_in(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def lines_named(lines: Sequence[int]) -> str:
    """Lines in words: `Line 3`, or `Lines 3, 5 and 9`."""
    if len(lines) == 1:
        return f"Line {lines[0]}"
    if len(lines) > _NAMED:
        rest = len(lines) - _NAMED
        return f"Lines {', '.join(map(str, lines[:_NAMED]))} and {rest} more"
    return f"Lines {', '.join(map(str, lines[:-1]))} and {lines[-1]}"


def _object(line: str) -> dict[str, object] | None:
    """The fields of a line that is a JSON object; None of another."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _query(fields: dict[str, object]) -> str:
    """The query of a JSON object; empty where it has none."""
    for name in FIELDS:
        if isinstance(query := fields.get(name), str):
            more = fields.get("input") if name == "instruction" else None
            return f"{query}\n\n{more}" if isinstance(more, str) and more.strip() else query
    return ""
