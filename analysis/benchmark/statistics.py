"""Shares with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Share:
    """How many of how many, with a 95 % Wilson interval.

    Attributes:
        right: How many.
        of: Of how many.
        low: Lower end of the interval of the share, 0 to 1.
        high: Its upper end.
    """

    right: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share, 0 to 1; 0 of nothing."""
        return self.right / self.of if self.of else 0.0


def share(outcomes: Iterable[bool]) -> Share:
    """The share of outcomes that are true, with its interval."""
    seen = list(outcomes)
    low, high = wilson(sum(seen), len(seen))
    return Share(sum(seen), len(seen), low, high)


def wilson(right: int, of: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share, which holds up near 0 and 1 (Wilson 1927).

    Raises:
        ValueError: `right` is not between 0 and `of`.
    """
    if not 0 <= right <= of:
        raise ValueError(f"{right} of {of} is no share")
    if of == 0:
        return 0.0, 1.0
    p = right / of
    scale = 1 + z * z / of
    middle = (p + z * z / (2 * of)) / scale
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / scale
    # At the ends the formula gives exactly 0 and 1, but for round-off.
    return (0.0 if right == 0 else middle - half), (1.0 if right == of else middle + half)
