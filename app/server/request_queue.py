"""The request queue: serves a few requests at once, and the rest in order of arrival."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from analysis.common.errors import InputError

SERVED = 4
"""The most requests that are served at once."""

WAITING = 24
"""The most requests that wait."""


class RequestQueue:
    """A queue of requests; those at its front are being served.

    Args:
        served: The most requests that are served at once.
        waiting: The most requests that wait; more are refused.
    """

    def __init__(self, served: int = SERVED, waiting: int = WAITING) -> None:
        self.served = served
        self._waiting = waiting
        self._entries: list[object] = []
        # Guards the entries, and wakes waiting requests when one leaves.
        self._changed = threading.Condition()

    @contextmanager
    def entry(self) -> Iterator[object]:
        """An entry at the end of the queue, removed when the context ends.

        Raises:
            InputError: The queue is full.
        """
        entry = object()
        with self._changed:
            if len(self._entries) >= self.served + self._waiting:
                raise InputError(
                    f"The queue is full ({self._waiting} requests are waiting): ask again in a "
                    "minute. Your query is kept."
                )
            self._entries.append(entry)
        try:
            yield entry
        finally:
            with self._changed:
                self._entries.remove(entry)
                self._changed.notify_all()

    def position(self, entry: object, seconds: float) -> int:
        """The position of an entry among the waiting requests; 0 when it is served.

        Args:
            entry: From `entry`.
            seconds: How long a waiting request waits for a change of the queue.
        """
        with self._changed:
            if self._position(entry):
                self._changed.wait(seconds)
            return self._position(entry)

    def _position(self, entry: object) -> int:
        return max(0, self._entries.index(entry) - self.served + 1)
