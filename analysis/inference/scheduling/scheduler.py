"""The scheduler: the one place that decides what the model runs next.

One thread owns the model. It alternates between two kinds of work:

- a *step* advances the rows of all streams by one token, in one batch;
- a *piece* is anything else, such as a part of a prompt, a trace or a read of some layers.

A stream asks for each of its steps, so one that is stopped, or whose reader has gone, takes part in
no further step and has nothing to undo. Pieces run in the order in which they were asked for, but
those of a request that is nearly at its answers go before those that begin another: it leaves
sooner, and the last of a crowd waits no longer for it. A request asks for one piece at a time, so
long work of one request never holds up another's for longer than a piece. While streams wait, the
pieces between two steps together take about as long as a step, and at least one runs: nobody's
stream stalls for longer than a step and a piece. Whoever asks for a piece keeps it small while
there are streams.
"""

from __future__ import annotations

import atexit
import heapq
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar, cast

from analysis.common.threads import background
from analysis.inference.scheduling.stream import Asked, Given, Stream, Together, result_of

T = TypeVar("T")

# A step waits this part of the last step's time, or so many seconds, for streams whose readers are
# still busy with the step before.
_PATIENCE, _LEAST_PATIENCE = 0.1, 0.005
# A piece that brings nobody near to answers goes before later ones that do after so many seconds.
_LATER_SECONDS = 60.0
# After so many seconds without work the thread ends; the next work starts a new one.
_IDLE_SECONDS = 1.0


class Scheduler:
    """Runs pieces and steps in one thread.

    While there is nothing to run, it holds nothing of a model or a request.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # By when they are due, then in the order of their arrival.
        self._pieces: list[tuple[float, int, Callable[[], object], Future[Any]]] = []
        self._numbers = itertools.count()
        # In the order of their arrival; one whose reader has gone without a word is not kept.
        self._streams: weakref.WeakKeyDictionary[Stream[Any, Any], None] = (
            weakref.WeakKeyDictionary()
        )
        self._thread: threading.Thread | None = None
        self._closed = False
        self._step_seconds = 0.0  # of the last step
        self._piece_seconds = 0.0  # of all pieces since
        self._patient_until = 0.0
        self._works = False
        self._last_work = time.monotonic()
        _instances.add(self)

    def run(self, work: Callable[[], T], *, soon: bool = False) -> T:
        """Runs a piece of work in its turn, and gives its result or raises its error.

        Args:
            work: The work.
            soon: Whether it brings a request that has begun near to its answers.
        """
        if threading.current_thread() is self._thread:
            return work()
        future: Future[Any] = Future()
        with self._changed:
            due = time.monotonic() + (0.0 if soon else _LATER_SECONDS)
            heapq.heappush(self._pieces, (due, next(self._numbers), work, future))
            self._wake()
        try:
            result: T = result_of(future)
        finally:
            del future  # its error knows this frame, and those of all callers
        return result

    def each(self, items: Iterable[T], *, soon: bool = False) -> Iterator[T]:
        """Iterates over items, each of which is made as a piece of its own; see `run`."""
        end = object()
        iterator = iter(items)
        while (item := self.run(partial(next, iterator, end), soon=soon)) is not end:
            yield cast(T, item)

    @property
    def streams(self) -> int:
        """The number of open streams, which wait while a piece runs."""
        return len(self._streams)

    @property
    def rested(self) -> float:
        """The seconds since the last piece or step; 0 while it runs."""
        return 0.0 if self._works else time.monotonic() - self._last_work

    def stream(self, together: Together[Asked, Given]) -> Stream[Asked, Given]:
        """A new stream.

        Args:
            together: Advances this and other streams that gave the same function together.
        """
        return Stream(self, together)

    def ask(self, stream: Stream[Asked, Given], asked: Asked) -> Future[Given]:
        """Asks for a stream's next step."""
        future: Future[Given] = Future()
        with self._changed:
            self._streams[stream] = None
            stream.asked, stream.awaited = (asked, future), True
            self._wake()
        return future

    def leave(self, stream: Stream[Asked, Given]) -> None:
        """Forgets a stream."""
        with self._changed:
            self._streams.pop(stream, None)
            if stream.asked is not None:
                stream.asked[1].cancel()
                stream.asked = None
            self._changed.notify_all()

    def close(self) -> None:
        """Refuses all work that waits, and waits until the thread has ended."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _wake(self) -> None:
        """Sees to it that the thread runs; the caller holds the condition."""
        if self._closed:
            raise RuntimeError("The process ends: nothing runs any more.")
        # A thread is not alive in a forked process either.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._serve, name="model", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _serve(self) -> None:
        try:
            while (turn := self._next()) is not None:
                self._works = True
                try:
                    turn()
                finally:
                    # In this order: whoever asks in between sees work.
                    self._last_work, self._works = time.monotonic(), False
                # It may hold a model: nothing of it stays while the thread waits.
                del turn
        finally:
            # Whatever ends the thread, nobody waits for it for ever.
            with self._changed:
                if self._thread is threading.current_thread():
                    self._thread = None
                    self._refuse_all()

    def _next(self) -> Callable[[], None] | None:
        """What runs next; None where the thread is to end."""
        with self._changed:
            while not self._closed:
                asking = [stream for stream in self._open() if stream.asked is not None]
                if self._pieces and not (asking and self._pieces_had_their_share()):
                    _, _, work, future = heapq.heappop(self._pieces)
                    return partial(self._run_piece, work, future)
                if asking:
                    patience = self._patient_until - time.perf_counter()
                    late = any(one.awaited and one.asked is None for one in self._open())
                    if not late or patience <= 0:
                        return partial(self._run_step, self._taken(asking))
                    del asking
                    self._changed.wait(patience)
                elif not self._changed.wait_for(self._has_work, _IDLE_SECONDS):
                    break
            self._thread = None
            self._refuse_all()
            return None

    def _open(self) -> list[Stream[Any, Any]]:
        """The streams that are open, in the order of their arrival."""
        # A list first: streams may be collected, and leave, at any allocation.
        streams = [reference() for reference in self._streams.keyrefs()]
        return [stream for stream in streams if stream is not None]

    def _has_work(self) -> bool:
        asking = any(stream.asked is not None for stream in self._open())
        return self._closed or bool(self._pieces) or asking

    def _pieces_had_their_share(self) -> bool:
        return self._piece_seconds > 0 and self._piece_seconds >= self._step_seconds

    def _taken(
        self, asking: list[Stream[Asked, Given]]
    ) -> list[tuple[Stream[Asked, Given], Asked, Future[Given]]]:
        """Takes what streams ask; the next step waits for these, and for no others."""
        taken = []
        for stream in self._open():
            stream.awaited = False
        for stream in asking:
            if stream.asked is None:
                continue  # closed meanwhile
            asked, future = stream.asked
            stream.asked = None
            if future.set_running_or_notify_cancel():
                stream.awaited = True
                taken.append((stream, asked, future))
        return taken

    def _run_piece(self, work: Callable[[], object], future: Future[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        began = time.perf_counter()
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
        finally:
            # The error knows this frame, and would keep all that the work holds.
            del work, future
        self._piece_seconds += time.perf_counter() - began

    def _run_step(self, taken: list[tuple[Stream[Asked, Given], Asked, Future[Given]]]) -> None:
        if not taken:
            return
        began = time.perf_counter()
        # Engines with other adapters may share the model: each advances its own streams.
        for together in dict.fromkeys(stream.together for stream, _, _ in taken):
            own = [one for one in taken if one[0].together == together]
            try:
                results = together([asked for _, asked, _ in own])
            except BaseException as error:
                for _, _, future in own:
                    future.set_exception(error)
                continue
            for (_, _, future), result in zip(own, results, strict=True):
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        now = time.perf_counter()
        self._step_seconds, self._piece_seconds = now - began, 0.0
        self._patient_until = now + max(_LEAST_PATIENCE, _PATIENCE * self._step_seconds)

    def _refuse_all(self) -> None:
        waiting = [future for _, _, _, future in self._pieces]
        waiting += [stream.asked[1] for stream in self._open() if stream.asked is not None]
        self._pieces.clear()
        self._streams.clear()
        for future in waiting:
            future.cancel()


_instances: weakref.WeakSet[Scheduler] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    # Background jobs run pieces: they end first.
    background.close_all()
    # A thread that is cut off inside torch aborts the whole process.
    for scheduler in list(_instances):
        scheduler.close()
