"""Tables of numbers that cannot be changed."""

from __future__ import annotations

from collections.abc import Sequence

Numbers = tuple[tuple[float, ...], ...]
"""`[rows][columns]`."""


def rows(values: Sequence[Sequence[float]]) -> Numbers:
    """Numbers that cannot be changed, from any nested sequence."""
    return tuple(tuple(row) for row in values)
