"""Streams of steps, as the scheduler's readers see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from analysis.inference.scheduling.scheduler import Scheduler

T = TypeVar("T")
Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Stream(Generic[Asked, Given]):
    """A request that takes part in one step after the other; from `Scheduler.stream`."""

    def __init__(self, scheduler: Scheduler, together: Together[Asked, Given]) -> None:
        self._scheduler = scheduler
        self.together = together
        self.asked: tuple[Asked, Future[Given]] | None = None
        self.awaited = False

    def ask(self, asked: Asked) -> Future[Given]:
        """Asks for a step; its result comes once the step has run."""
        return self._scheduler.ask(self, asked)

    def close(self) -> None:
        """Ends the stream: no step waits for it any more."""
        self._scheduler.leave(self)


Together = Callable[[Sequence[Asked]], Sequence[Given | Exception]]
"""Advances some streams together; gives each its result, or the error that is its alone."""


def result_of(future: Future[T]) -> T:
    """Waits for a result; work that has not begun when the waiting is broken off never begins."""
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
    finally:
        del future  # its error knows this frame
