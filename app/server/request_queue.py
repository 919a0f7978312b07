"""Whose turn it is: a few requests are served at once, the others wait in the order they came."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from analysis.common.errors import InputError

SERVED = 4
"""Requests served at once: their rows take turns in one engine."""

WAITING = 24
"""Requests that may wait."""


class RequestQueue:
    """One line of requests, the ones that are served in front.

    Args:
        served: How many are served at once.
        waiting: How many may wait; more are refused.
    """

    def __init__(self, served: int = SERVED, waiting: int = WAITING) -> None:
        self.served = served
        self._waiting = waiting
        self._line: list[object] = []
        # Guards the line, and wakes those in it when it has moved on.
        self._moved = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[object]:
        """A place in the line, given up at the end.

        Raises:
            InputError: Too many wait already.
        """
        place = object()
        with self._moved:
            if len(self._line) >= self.served + self._waiting:
                raise InputError(
                    f"{self._waiting} others are waiting for an answer already: ask again in a "
                    "minute. Your query is kept."
                )
            self._line.append(place)
        try:
            yield place
        finally:
            with self._moved:
                self._line.remove(place)
                self._moved.notify_all()

    def before(self, place: object, seconds: float) -> int:
        """How many have to be through before a place is served; 0 where it is its turn.

        Args:
            place: From `place`.
            seconds: How long to wait for the line to move on, where it is not.
        """
        with self._moved:
            if self._before(place):
                self._moved.wait(seconds)
            return self._before(place)

    def _before(self, place: object) -> int:
        return max(0, self._line.index(place) - self.served + 1)
