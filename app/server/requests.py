"""Long requests: their place in the queue, their progress, Stop, and failures."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypedDict, TypeVar

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.state.session import Session, Stopped
from app.widgets.status import StatusPanel

if TYPE_CHECKING:
    from analysis.engine import Engine

T = TypeVar("T")


class RequestUpdate(TypedDict, total=False):
    """The parts of the page that every request changes.

    Attributes:
        status: The status line.
        busy: Whether a request runs.
    """

    status: StatusPanel
    busy: bool


RequestUpdates: TypeAlias = Generator[RequestUpdate, None, None]

_log = logging.getLogger(__name__)
# Seconds between two updates of the page.
_TICK = 0.05
# Seconds between two looks at a request's place in the queue.
_QUEUE_TICK = 0.5
# After so many seconds, the status line shows how long the work has taken.
_LONG = 2.0

FAILED = "The request failed. The server log gives the reason. Your query is kept."


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """The result of work.

    Attributes:
        value: The result.
        seconds: How long the work took.
        cached: Whether the result was cached: other work reports its progress.
    """

    value: T
    seconds: float
    cached: bool

    def cost(self, what: str) -> str:
        """The cost in words."""
        return f"{what}: from the cache" if self.cached else f"{what}: {self.seconds:.1f} s"


def _working(what: str, share: float, seconds: float) -> RequestUpdate:
    detail = f"{seconds:.0f} s so far" if seconds >= _LONG else ""
    return {"status": StatusPanel("working", what.capitalize(), share, detail)}


def run_with_progress(
    session: Session,
    ticket: int,
    work: Callable[[Progress], T],
    update: Callable[[str, float, float], RequestUpdate] = _working,
) -> Generator[RequestUpdate, None, Outcome[T]]:
    """Runs work in a thread, yields its progress, and lets Stop end it at its next step.

    Args:
        session: The visitor's session.
        ticket: Number of the request.
        work: The work; it reports its progress.
        update: From the current step, its share and the seconds since the start to an update of
            the page. Called with the newest progress only.
    """
    news: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
    outcome: list[T] = []
    failure: list[BaseException] = []
    progress = session.progress_of(ticket, lambda what, share: news.put((what, share)))

    def run() -> None:
        try:
            outcome.append(work(progress))
        except BaseException as error:
            failure.append(error)

    start, cached = time.perf_counter(), True
    thread = threading.Thread(target=run, name="request", daemon=True)
    thread.start()
    while thread.is_alive() or not news.empty():
        thread.join(_TICK)
        # Checked first, so that an ended request does not overwrite the newer one's status.
        session.check(ticket)
        last = None
        while not news.empty():
            last, cached = news.get(), False
        if last is not None:
            yield update(*last, time.perf_counter() - start)
    session.check(ticket)
    if failure:
        raise failure[0]
    return Outcome(outcome[0], time.perf_counter() - start, cached)


def wait_for_engine(
    loader: Loader, session: Session, ticket: int
) -> Generator[RequestUpdate, None, Engine]:
    """Waits for the engine, and returns it."""
    while True:
        session.check(ticket)
        engine = loader.wait(4 * _TICK)
        if engine is not None:
            return engine
        now = loader.now
        yield {"status": StatusPanel("working", f"Waiting for the model: {now.what}", now.share)}


def run_request(
    session: Session, ticket: int, request_queue: RequestQueue, steps: RequestUpdates
) -> RequestUpdates:
    """Waits in the queue, runs the steps of a request, and reports how they ended."""
    ended: RequestUpdate = {}
    try:
        yield {"busy": True, "status": StatusPanel("working", "Reading the query")}
        with request_queue.entry() as entry:
            while position := request_queue.position(entry, _QUEUE_TICK):
                session.check(ticket)
                queued = f"Number {position} in the queue"
                yield {"status": StatusPanel("working", queued)}
            yield from steps
    except InputError as error:
        ended = {"status": StatusPanel("error", str(error))}
    except Stopped:
        ended = {"status": StatusPanel("stopped", "Stopped. Ask again whenever you like.")}
    except Exception:
        _log.exception("A request failed")
        ended = {"status": StatusPanel("error", FAILED)}
    finally:
        # Also when the visitor has left: work in a thread then ends at its next step.
        newest = session.end(ticket)
    # A request that a newer request has ended no longer updates the page.
    if newest:
        yield {**ended, "busy": False}
