"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with the name of the work and the share that is done, 0 to 1.

An exception that it raises stops the work, which leaves nothing behind.
"""


def part_of(progress: Progress, number: int, parts: int) -> Progress:
    """The progress of one of several equal parts, as that of the whole.

    Args:
        progress: Told of the whole.
        number: The part's number, from 0.
        parts: The number of parts.
    """
    return lambda what, share: progress(what, (number + share) / parts)


def time_left(seconds: float, done: float, whole: float) -> str:
    """How long the rest takes at the speed so far, as the end of a line; "" at the beginning.

    Args:
        seconds: The time that `done` took.
        done: The work that is done.
        whole: All of the work, in the same unit.
    """
    if not done:
        return ""
    minutes = seconds * (whole - done) / done / 60
    return f", about {minutes:.0f} min left" if minutes >= 1 else ", less than a minute left"
