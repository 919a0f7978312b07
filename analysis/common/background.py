"""Work done ahead: what may be wanted soon, while nothing is wanted now."""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from analysis.common.progress import Progress

# Of more jobs than these, the oldest are dropped: whoever wanted them has moved on.
_MOST = 8
# Seconds without a request before a job begins.
_MOMENT = 0.3

_log = logging.getLogger(__name__)


class _Ended(Exception):
    """The process ends."""


class BackgroundWork:
    """A thread that does jobs one after the other, in moments without any request.

    It ends with the process, at its next step: a thread that is cut off inside torch aborts the
    whole process.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: deque[Callable[[Progress], None]] = deque(maxlen=_MOST)
        self._requests = 0
        self._works = False
        self._over = False
        _all.add(self)

    @contextmanager
    def request(self) -> Iterator[None]:
        """While this context lasts, jobs rest at their next step."""
        with self._changed:
            self._requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()

    def put(self, job: Callable[[Progress], None]) -> None:
        """Takes a job. It calls what it is given at each step, and rests in there."""
        with self._changed:
            if self._over:
                return
            self._jobs.append(job)
            if not self._works:
                self._works = True
                threading.Thread(target=self._work, name="read-ahead", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Waits until no job is left; whether that came about within some seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._works, seconds)

    def end(self) -> None:
        """Forgets all jobs, and waits for the step that runs."""
        with self._changed:
            self._over = True
            self._jobs.clear()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._works)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    # The next job begins a new thread.
                    self._works = False
                    self._changed.notify_all()
                    return
                job = self._jobs.popleft()
            try:
                self._idle()
                job(self._rest)
            except _Ended:
                continue
            except Exception:
                # Nobody waits for it: whoever wants it later runs it again and sees the error.
                _log.exception("Work done ahead has failed")

    def _idle(self) -> None:
        """Waits for a quiet moment: one request is often followed by another at once."""
        with self._changed:
            while self._requests or self._changed.wait_for(self._wanted, _MOMENT):
                self._free()

    def _rest(self, what: str, share: float) -> None:
        with self._changed:
            self._free()

    def _wanted(self) -> bool:
        return self._over or self._requests > 0

    def _free(self) -> None:
        """Waits until nothing is asked; the condition is held."""
        self._changed.wait_for(lambda: self._over or self._requests == 0)
        if self._over:
            raise _Ended


_all: weakref.WeakSet[BackgroundWork] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    for background in list(_all):
        background.end()
