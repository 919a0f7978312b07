"""Runs work in a thread of its own, which ends with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import TypeVar

from analysis.common.progress import Progress

T = TypeVar("T")


class _CallerLeft(Exception):
    """The caller was interrupted, so the work must end too."""


def in_own_thread(work: Callable[[Progress], T], progress: Progress) -> T:
    """Runs work in a new thread, and gives its result or raises its error.

    OpenMP keeps workers for every thread that has run parallel work, until that thread ends. Once
    it counts more threads than cores, workers sleep between operations instead of spinning, and
    parallel work with many small operations takes up to 1.3 times as long (measured on 2 cores).
    So the thread that owns the model is the only lasting thread that runs parallel work; loading
    runs here.

    Args:
        work: The work; it gets a progress, which raises once the caller has been interrupted. The
            caller waits for that step.
        progress: Told how far the work is, in the new thread.
    """
    left, future = threading.Event(), Future[T]()

    def tell(what: str, share: float) -> None:
        if left.is_set():
            raise _CallerLeft
        progress(what, share)

    def run(found: Future[T]) -> None:
        try:
            found.set_result(work(tell))
        except BaseException as error:
            found.set_exception(error)
        finally:
            del found  # its error knows this frame

    thread = threading.Thread(target=copy_context().run, args=(run, future), daemon=True)
    try:
        thread.start()
        return future.result()
    finally:
        left.set()
        if thread.is_alive():
            # A thread that is cut off inside torch would abort the process at its end.
            thread.join()
        del future  # its error knows this frame
