"""The fields of one line of a task file.

A field that cannot be used raises a ValueError with its fault in words.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from analysis.common.console import one_line

_LONGEST = 60
_LANGUAGE = re.compile(r"[^\W\d_]+([-_]\w+)*")


def read_json(line: str) -> dict[str, Any]:
    """The JSON object of a line."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        # The decoder would count lines within this line.
        raise ValueError(
            f"it is not JSON ({error.msg} at character {error.pos + 1}; each line must be a whole "
            "object)"
        ) from error
    except ValueError as error:
        raise ValueError("it holds a number with thousands of digits") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object; each line must be one")
    return found


def text(line: dict[str, Any], name: str) -> str:
    """A text that is not empty."""
    if name not in line:
        raise ValueError(f"{name} is missing")
    value = line[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} is {_shown(value)}, which is not text")
    if not value.strip():
        raise ValueError(f"{name} is empty")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} holds half a character (a lone surrogate)")
    return value


def label(line: dict[str, Any], name: str) -> str:
    """A text that is printed: one line without characters that steer a terminal."""
    value = text(line, name)
    if one_line(value) != value:
        raise ValueError(f"{name} is {_shown(value)}, which holds control characters")
    return value


def language(line: dict[str, Any], name: str) -> str:
    """The code of a language, such as `es` or `pt-BR`."""
    value = text(line, name)
    if not _LANGUAGE.fullmatch(value):
        raise ValueError(f"{name} is {_shown(value)}: write a code such as es or pt-BR")
    return value


def name_of(line: dict[str, Any], name: str) -> str:
    """A name, which may be written as a whole number."""
    value = line.get(name)
    return str(value) if type(value) is int else label(line, name)


def optional_text(line: dict[str, Any], name: str) -> str | None:
    """A text, or None where the field is missing or null."""
    return None if line.get(name) is None else text(line, name)


def number(line: dict[str, Any], name: str) -> float:
    """A finite number, which may be written as text."""
    if line.get(name) is None:
        raise ValueError(f"{name} is missing: it must be a number")
    value = line[name]
    if isinstance(value, str) and not value.strip():
        raise ValueError(f"{name} is empty: it must be a number")
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{name} is {_shown(value)}, which is no number such as 3.5")
    return found


def texts(line: dict[str, Any], name: str) -> tuple[str, ...]:
    """A list of different texts; empty where the field is missing or null."""
    value = line.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{name} is no list of texts")
    if not all(one.strip() for one in value):
        raise ValueError(f"{name} holds an empty text")
    if len(set(value)) < len(value):
        raise ValueError(f"{name} holds the same text twice")
    return tuple(text({name: one}, name) for one in value)


def index(line: dict[str, Any], name: str, count: int) -> int | None:
    """An index of `count` choices; None where the field is missing or null."""
    value = line.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < count:
        raise ValueError(f"{name} is {_shown(value)}, which is no index of the {count} choices")
    return value


def _shown(value: Any) -> str:
    """A value as the line has it, cut where it is long."""
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= _LONGEST else f"{written[: _LONGEST - 1]}…"
