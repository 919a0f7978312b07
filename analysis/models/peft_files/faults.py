"""Refusals of an adapter, in one line, however long the names in its files are."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.common.errors import InputError

_LONGEST = 120
_MOST_NAMED = 4


def refusal(adapter: str, text: str) -> InputError:
    """An error that names the adapter; the text says what is wrong, and the remedy."""
    return InputError(f"Adapter {adapter}: {text}")


def short(value: object) -> str:
    """A value from a file in a message, as `repr` writes it, cut in its middle if it is long."""
    # Cut before `repr`, which would write all of a hostile value.
    if isinstance(value, str) and len(value) > _LONGEST:
        value = f"{value[: _LONGEST // 2]}…{value[-_LONGEST // 2 :]}"
    written = repr(value)
    if len(written) <= 2 * _LONGEST:
        return written
    return f"{written[:_LONGEST]}…{written[-_LONGEST:]}"


def listed(names: Iterable[str]) -> str:
    """The first of some names, and how many follow."""
    names = sorted(names)
    shown = ", ".join(short(name)[1:-1] for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
