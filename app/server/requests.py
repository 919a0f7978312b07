"""Long requests: their place in the queue, their progress, Stop, and failures."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypedDict, TypeVar

from analysis.common.progress import Progress
from app.server.guard import text_of
from app.server.loader import Loader
from app.server.request_queue import QueueEntry, RequestQueue
from app.state.requests.page_requests import Stopped
from app.state.session import Session
from app.widgets.status import StatusPanel
from app.widgets.text import fixed
from app.widgets.words.said import capital, say, spoken

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

# Seconds between two updates of the page.
_TICK = 0.05
# So often the page is told of work without news: Gradio notices then that a visitor has gone.
SIGN_SECONDS = 1.0
# Seconds between two looks at a request's place in the queue.
_QUEUE_TICK = 0.5
# After so many seconds, the status line shows how long the work has taken.
_LONG = 2.0

FAILED = say("The request failed. The server log gives the reason. Your query is kept.")


@dataclass(frozen=True)
class WorkResult(Generic[T]):
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
        if self.cached:
            return say("{what}: from the cache", what=what)
        return say("{what}: {seconds} s", what=what, seconds=fixed(self.seconds, 1))


def _working(what: str, share: float, seconds: float) -> RequestUpdate:
    detail = say("{seconds} s so far", seconds=f"{seconds:.0f}") if seconds >= _LONG else ""
    return {"status": StatusPanel("working", capital(spoken(what)), share, detail)}


def run_with_progress(
    session: Session,
    ticket: int,
    work: Callable[[Progress], T],
    update: Callable[[str, float, float], RequestUpdate] = _working,
) -> Generator[RequestUpdate, None, WorkResult[T]]:
    """Runs work in a thread, yields its progress, and lets Stop end it at its next step.

    Args:
        session: The visitor's session.
        ticket: Number of the request.
        work: The work; it reports its progress.
        update: From the current step, its share and the seconds since the start to an update of
            the page. Called with the newest progress only, and now and then without news.
    """
    news: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
    found: list[T] = []
    failure: list[BaseException] = []
    progress = session.progress_of(ticket, lambda what, share: news.put((what, share)))

    def run() -> None:
        try:
            found.append(work(progress))
        except BaseException as error:
            failure.append(error)

    start, cached = time.perf_counter(), True
    told, said = start, ("waiting for the model", 0.0)
    # ZeroGPU asks the context for the visitor, whose share of its time the work takes.
    thread = threading.Thread(target=copy_context().run, args=(run,), name="request", daemon=True)
    thread.start()
    while thread.is_alive() or not news.empty():
        thread.join(_TICK)
        # Checked first, so that an ended request does not overwrite the newer one's status.
        session.check(ticket)
        last, now = None, time.perf_counter()
        while not news.empty():
            last, cached = news.get(), False
        if last is not None:
            told, said = now, last
            yield update(*said, now - start)
        elif now - told >= SIGN_SECONDS:
            told = now
            yield update(*said, now - start)
    session.check(ticket)
    if failure:
        raise failure[0]
    return WorkResult(found[0], time.perf_counter() - start, cached)


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
        yield {
            "status": StatusPanel(
                "working", say("Waiting for the model: {what}", what=now.what), now.share
            )
        }


def _wait_for_turn(
    session: Session, ticket: int, request_queue: RequestQueue, entry: QueueEntry
) -> RequestUpdates:
    while position := request_queue.position(entry, _QUEUE_TICK):
        session.check(ticket)
        queued, seconds = (
            say("Number {position} in the queue", position=position),
            request_queue.expected(position),
        )
        detail = (
            ""
            if seconds is None
            else say("about {seconds} s to wait", seconds=max(1, round(seconds)))
        )
        yield {"status": StatusPanel("working", queued, detail=detail)}


def give_way(
    session: Session, ticket: int, request_queue: RequestQueue, seconds: float
) -> RequestUpdates:
    """Lets other requests go first, between two parts of long work.

    Requests that wait are served before the next part. While others are served, the work rests so
    long that it has no larger share of the time than each of them.

    Args:
        session: The visitor's session.
        ticket: Number of the request.
        request_queue: The queue in which the request stands.
        seconds: How long the last part took.
    """
    entry = request_queue.step_back(session)
    session.check(ticket)
    if entry is None:
        return
    yield from _wait_for_turn(session, ticket, request_queue, entry)
    until = time.monotonic() + seconds * request_queue.others(entry)
    while (left := until - time.monotonic()) > 0 and request_queue.others(entry):
        session.check(ticket)
        request_queue.rest(entry, min(left, _QUEUE_TICK))


def run_request(
    session: Session, ticket: int, request_queue: RequestQueue, steps: RequestUpdates
) -> RequestUpdates:
    """Waits in the queue, runs the steps of a request, and reports how they ended.

    The update that says that all is done also says that nothing runs any more: as an update of its
    own, that would reach a busy page seconds later.
    """
    done: RequestUpdate = {}
    ended: RequestUpdate = {}
    try:
        yield {"busy": True, "status": StatusPanel("working", say("Reading the query"))}
        with request_queue.entry(session) as entry:
            yield from _wait_for_turn(session, ticket, request_queue, entry)
            with closing(steps):
                for update in steps:
                    if "status" in update and update["status"].state == "done":
                        done = {**done, **update}
                    else:
                        yield update
    except Stopped:
        ended = {"status": StatusPanel("stopped", say("Stopped. Ask again whenever you like."))}
    except Exception as error:
        ended = {"status": StatusPanel("error", text_of(error, FAILED))}
    finally:
        # Also when the visitor has left: work in a thread then ends at its next step.
        newest = session.end(ticket)
    # A request that a newer request has ended no longer updates the page.
    if newest:
        yield {**done, **ended, "busy": False}


def run_with_engine(
    loader: Loader,
    request_queue: RequestQueue,
    session: Session,
    ticket: int,
    steps: Callable[[Engine], RequestUpdates],
) -> RequestUpdates:
    """Runs a request whose steps need the engine; as `run_request`.

    Args:
        loader: Gives the engine once it is loaded.
        request_queue: The queue of all requests to the engine.
        session: The visitor's session.
        ticket: Number of the request.
        steps: The steps, from the engine.
    """

    def after_loading() -> RequestUpdates:
        engine = yield from wait_for_engine(loader, session, ticket)
        yield from steps(engine)

    yield from run_request(session, ticket, request_queue, after_loading())
