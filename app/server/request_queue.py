"""The request queue: serves some requests at once, and the rest in order of arrival."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from analysis.common.errors import InputError
from app.widgets.words.said import say

SERVED = 16
"""The most requests that are served at once; they share the model's decoding steps."""

WAITING = 64
"""The most requests that wait."""

# The newest request counts for so much in the usual seconds of a request.
_NEWEST = 0.25


@dataclass(eq=False)
class QueueEntry:
    """A request in the queue; compared by identity.

    Attributes:
        visitor: Whose request it is.
        served_at: When its turn came, in seconds; None while it waits.
        in_parts: Whether it is long work in parts: how long it takes says nothing of others.
    """

    visitor: Hashable
    served_at: float | None = None
    in_parts: bool = False


class RequestQueue:
    """A queue of requests; the first of them are being served, at most one of each visitor.

    Args:
        served: The most requests that are served at once.
        waiting: The most requests that wait; more are refused.
    """

    def __init__(self, served: int = SERVED, waiting: int = WAITING) -> None:
        self.served = served
        self._waiting = waiting
        self._entries: list[QueueEntry] = []
        self._seconds: float | None = None  # that a request is usually served
        # Guards the entries, and wakes waiting requests when one leaves.
        self._changed = threading.Condition()

    @contextmanager
    def entry(self, visitor: Hashable = None) -> Iterator[QueueEntry]:
        """An entry at the end of the queue, removed when the context ends.

        Args:
            visitor: Whose request it is; a newer request of the same visitor ends the older, which
                leaves the queue at once. None for a visitor of no other request.

        Raises:
            InputError: The queue is full.
        """
        entry = QueueEntry(object() if visitor is None else visitor)
        with self._changed:
            self._entries = [one for one in self._entries if one.visitor != entry.visitor]
            if len(self._entries) >= self.served + self._waiting:
                wait = self._expected(self._waiting)
                when = (
                    say("in a minute")
                    if wait is None
                    else say("in about {seconds} s", seconds=f"{wait:.0f}")
                )
                raise InputError(
                    say(
                        "The queue is full ({waiting} requests are waiting): ask again {when}. "
                        "Your query is kept.",
                        waiting=self._waiting,
                        when=when,
                    )
                )
            self._entries.append(entry)
            self._changed.notify_all()
        try:
            yield entry
        finally:
            with self._changed:
                self._entries = [one for one in self._entries if one is not entry]
                self._learn(entry)
                self._changed.notify_all()

    @property
    def count(self) -> int:
        """The number of requests that are served or wait."""
        return len(self._entries)

    def position(self, entry: QueueEntry, seconds: float) -> int:
        """The position of an entry among the waiting requests; 0 when it is served.

        Args:
            entry: From `entry`. One that a newer request has ended is behind all others.
            seconds: How long a waiting request waits for a change of the queue.
        """
        with self._changed:
            if self._position(entry):
                self._changed.wait(seconds)
            position = self._position(entry)
            if not position and entry.served_at is None:
                entry.served_at = time.monotonic()
            return position

    def step_back(self, visitor: Hashable) -> QueueEntry | None:
        """Puts a request behind those that wait: long work does so after each of its parts.

        Args:
            visitor: Whose request it is.

        Returns:
            Its entry, which may have to wait again; None where a newer request has ended it.
        """
        with self._changed:
            entry = next((one for one in self._entries if one.visitor == visitor), None)
            if entry is not None:
                entry.in_parts = True
                if len(self._entries) > self.served:
                    self._entries = [*(one for one in self._entries if one is not entry), entry]
                    self._changed.notify_all()
            return entry

    def others(self, entry: QueueEntry) -> int:
        """How many other requests are being served."""
        with self._changed:
            return sum(one is not entry for one in self._entries[: self.served])

    def rest(self, entry: QueueEntry, seconds: float) -> None:
        """Waits until no other request is being served, for at most some seconds."""
        with self._changed:
            self._changed.wait_for(
                lambda: not any(one is not entry for one in self._entries[: self.served]), seconds
            )

    def expected(self, position: int) -> float | None:
        """The seconds until a position is served, by the requests so far; None before any."""
        with self._changed:
            return self._expected(position)

    def _position(self, entry: QueueEntry) -> int:
        if entry not in self._entries:
            return len(self._entries) + 1
        return max(0, self._entries.index(entry) - self.served + 1)

    def _expected(self, position: int) -> float | None:
        return None if self._seconds is None else position * self._seconds / self.served

    def _learn(self, entry: QueueEntry) -> None:
        if entry.served_at is not None and not entry.in_parts:
            seconds = time.monotonic() - entry.served_at
            before = seconds if self._seconds is None else self._seconds
            self._seconds = before + _NEWEST * (seconds - before)
