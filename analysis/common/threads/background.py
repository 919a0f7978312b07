"""Jobs that run in the background, only while no request runs."""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from analysis.common.progress import Progress

Job = Callable[[Progress], None]

# Where more jobs wait, the oldest are dropped: their visitors have moved on.
_MAX_JOBS = 8
# Seconds without a request before a job begins.
_IDLE_SECONDS = 0.3

_log = logging.getLogger(__name__)


class _Closed(Exception):
    """The process ends, so the job must end too."""


class BackgroundJobs:
    """A thread that runs jobs one after the other, only while no request runs.

    At the end of the process the running job ends at its next step: a thread that is cut off
    inside torch aborts the whole process.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque(maxlen=_MAX_JOBS)
        self._requests = 0
        self._running = False
        self._thread: threading.Thread | None = None
        self._closed = False
        _instances.add(self)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Runs a request: within this context the running job pauses at its next step."""
        with self._changed:
            self._requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()

    def submit(self, job: Job) -> None:
        """Adds a job. The job calls the given function at each step, and may pause inside it."""
        with self._changed:
            if self._closed:
                return
            self._jobs.append(job)
            if not self._running:
                self._running = True
                self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
                self._thread.start()

    def wait_until_done(self, seconds: float) -> bool:
        """Waits until no job is left, at most some seconds; returns whether none is left."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def close(self) -> None:
        """Drops all waiting jobs and waits until the thread has ended.

        The thread may hold the last reference to a model, and must free it before Python ends.
        """
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    # The next job starts a new thread.
                    self._running = False
                    self._changed.notify_all()
                    return
                job = self._jobs.popleft()
            try:
                self._wait_until_idle()
                job(self._pause_for_requests)
            except _Closed:
                pass
            except Exception:
                # No request waits for this result: a later request computes it again and shows
                # the error.
                _log.exception("A background job failed")
            # A job may hold a model: nothing of it stays while the thread waits or ends.
            del job

    def _wait_until_idle(self) -> None:
        """Waits until no request has run for a moment: requests often follow each other."""
        with self._changed:
            while self._requests or self._changed.wait_for(self._interrupted, _IDLE_SECONDS):
                self._wait_for_requests()

    def _pause_for_requests(self, what: str, share: float) -> None:
        with self._changed:
            self._wait_for_requests()

    def _interrupted(self) -> bool:
        return self._closed or self._requests > 0

    def _wait_for_requests(self) -> None:
        """Waits until no request runs; the caller holds the condition."""
        self._changed.wait_for(lambda: self._closed or self._requests == 0)
        if self._closed:
            raise _Closed


_instances: weakref.WeakSet[BackgroundJobs] = weakref.WeakSet()


@atexit.register
def close_all() -> None:
    """Ends all background work, at the end of the process."""
    for jobs in list(_instances):
        jobs.close()
