"""Admission: the keys and values of all answers that run fit into the memory that they may take."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Where the model has rested for so long, a request is admitted whatever others hold: they may wait
# for it themselves.
STALLED_SECONDS = 10.0
LOOK_SECONDS = 0.2


class Admission:
    """Admits requests in the order of their arrival, as soon as their bytes fit.

    A request that is larger than all the memory runs alone.

    Args:
        most_bytes: The most bytes of all admitted requests together.
        rested: The seconds since the model's last work; 0 while it works.
    """

    def __init__(self, most_bytes: int, rested: Callable[[], float]) -> None:
        self.most_bytes = most_bytes
        self._rested = rested
        self._changed = threading.Condition()
        self._held = 0
        self._waiting: deque[object] = deque()
        self._last_entry = time.monotonic()

    @property
    def held_bytes(self) -> int:
        """The bytes of all admitted requests."""
        return self._held

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        return len(self._waiting)

    def enter(self, needed: int, wanted: Callable[[], object]) -> None:
        """Waits until a request fits.

        Args:
            needed: Its bytes, to be given back by `leave`.
            wanted: Called now and then while it waits; what it raises ends the waiting.
        """
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
        try:
            while not self._enters(ticket, needed):
                wanted()
        finally:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def leave(self, held: int) -> None:
        """Gives bytes back."""
        with self._changed:
            self._held -= held
            self._changed.notify_all()

    def _enters(self, ticket: object, needed: int) -> bool:
        """Enters if it is this one's turn, by the end of a short wait."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._waiting[0] is ticket and self._fits(needed), LOOK_SECONDS
            ):
                return False
            self._held += needed
            self._last_entry = time.monotonic()
            return True

    def _fits(self, needed: int) -> bool:
        since_entry = time.monotonic() - self._last_entry
        stalled = min(since_entry, self._rested()) > STALLED_SECONDS
        return self._held == 0 or self._held + needed <= self.most_bytes or stalled


class Places:
    """A few places, taken in the order of arrival, for work that holds much memory.

    The model runs one piece at a time: with more requests at such work none would be done sooner.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._changed = threading.Condition()
        self._free = count
        self._waiting: deque[object] = deque()

    @contextmanager
    def place(self, wanted: Callable[[], object]) -> Iterator[None]:
        """Waits for a place, and gives it back in the end.

        Args:
            wanted: Called now and then while it waits; what it raises ends the waiting.
        """
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
        try:
            while not self._take(ticket):
                wanted()
        except BaseException:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()
            raise
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _take(self, ticket: object) -> bool:
        """Takes a place if it is this one's turn, by the end of a short wait."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._free > 0 and self._waiting[0] is ticket, LOOK_SECONDS
            ):
                return False
            self._waiting.popleft()
            self._free -= 1
            self._changed.notify_all()
            return True
