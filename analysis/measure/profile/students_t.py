"""Student's t: how far the interval of a mean of few values reaches."""

from __future__ import annotations

import functools
import math

_HALVINGS = 100
"""Halvings of an interval that leave less than a double can tell apart."""


def share_within(t: float, freedom: int) -> float:
    """The share of Student's t distribution between -t and t.

    The sums of Abramowitz and Stegun, 26.7.3 and 26.7.4, which are exact for whole degrees.

    Args:
        t: At least 0.
        freedom: Degrees of freedom, at least 1.
    """
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for power in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (power - 1) / power
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


@functools.cache
def reach(freedom: int, share: float = 0.95) -> float:
    """The t within which a share of the distribution lies, both tails left out alike.

    Args:
        freedom: Degrees of freedom, at least 1.
        share: The share, above 0 and below 1.
    """
    low, high = 0.0, 1.0
    while share_within(high, freedom) < share:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if share_within(middle, freedom) < share:
            low = middle
        else:
            high = middle
    return high
