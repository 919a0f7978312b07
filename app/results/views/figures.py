"""Numbers of results in words: shares in percent, differences in points, intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.widgets.text import fixed, signed
from app.widgets.words.said import Numeral, joined, say

if TYPE_CHECKING:
    from analysis.benchmark.statistics import Interval, Share

UNKNOWN = "–"
UNKNOWN_INTERVAL = say("interval not known")


def percent(share: Share) -> tuple[str, str]:
    """A share and its interval, in percent."""
    return f"{100 * share.value:.0f}", f"{100 * share.low:.0f}–{100 * share.high:.0f}"


def loss(interval: Interval) -> tuple[str, str]:
    """A loss and its interval, in nats per token."""
    ends = (UNKNOWN if end is None else fixed(end) for end in (interval.low, interval.high))
    return fixed(interval.value), joined("–", ends) if interval.low is not None else ""


def between(interval: Interval, factor: float, decimals: int) -> str:
    """The ends of an interval; empty where they are not known."""
    if interval.low is None or interval.high is None:
        return ""
    low, high = (signed(factor * end, decimals) for end in (interval.low, interval.high))
    return say("{low} to {high}", low=low, high=high)


def chance(p: float) -> str:
    """A p value."""
    return Numeral("< 0.001") if p < 0.001 else fixed(p, 3)


def items(count: int) -> str:
    """A number of items."""
    return say("1 item") if count == 1 else say("{count} items", count=count)
