"""Values that programs send: Gradio checks no types, and JSON may hold NaN and lists of lists."""

from __future__ import annotations

import math

from analysis.common.errors import InputError

_MOST_NAMES = 100
_MOST_CHARACTERS = 100  # of a name
_SHOWN = 40


def text(name: str, value: object) -> str:
    """A text.

    Raises:
        InputError: It is none.
    """
    if not isinstance(value, str):
        raise InputError(f"{name} is {_shown(value)}: give a text.")
    return value


def name_of(name: str, value: object) -> str:
    """A text that names something.

    Raises:
        InputError: It is none.
    """
    found = text(name, value)
    if len(found) > _MOST_CHARACTERS:
        raise InputError(
            f"{name} is {_shown(found)} and more, {len(found)} characters: give a name."
        )
    return found


def names(name: str, value: object) -> list[str] | None:
    """A list of names; None where there is nothing.

    Raises:
        InputError: It is neither.
    """
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise InputError(f"{name} is {_shown(value)}: give a list of names, or nothing.")
    if len(value) > _MOST_NAMES:
        raise InputError(f"{name} has {len(value)} names: give at most {_MOST_NAMES}.")
    return [name_of(name, one) for one in value]


def number(name: str, value: object) -> float:
    """A finite number.

    Raises:
        InputError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} is {_shown(value)}: give a number.")
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{name} is {value}: give a finite number.")
    return value


def whole(name: str, value: object) -> int:
    """A whole number.

    Raises:
        InputError: It is none.
    """
    found = number(name, value)
    if found != int(found):
        raise InputError(f"{name} is {found}: give a whole number.")
    if abs(found) >= 2**64:
        raise InputError(f"{name} has more than 64 bits: give a smaller number.")
    return int(found)


def flag(name: str, value: object) -> bool:
    """True or false.

    Raises:
        InputError: It is neither.
    """
    if not isinstance(value, bool):
        raise InputError(f"{name} is {_shown(value)}: give true or false.")
    return value


def _shown(value: object) -> str:
    """The beginning of a value, whatever it is."""
    return repr(str(value)[:_SHOWN])
