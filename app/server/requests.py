"""Requests that take long: their progress on the page, their end at Stop, their failures."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.state.session import Session, Stopped
from app.widgets.status import status_view

if TYPE_CHECKING:
    from analysis.engine import Engine

Update = dict[str, Any]
Updates = Generator[Update, None, None]
T = TypeVar("T")

_log = logging.getLogger(__name__)
# As often as this the page is told what is new: about 20 times a second, however fast work is.
_TICK = 0.05
_PATIENCE = 0.5
# Work that takes longer says how long it has been at it.
_LONG = 2.0


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What work gave.

    Attributes:
        value: Its result.
        seconds: How long it took.
        kept: Whether it was there already: work that has something to do tells its progress.
    """

    value: T
    seconds: float
    kept: bool

    def said(self, what: str) -> str:
        """What it cost, in words."""
        return f"{what} from the cache" if self.kept else f"{what} {self.seconds:.1f} s"


def _told(what: str, share: float, gone: float) -> Update:
    detail = f"{gone:.0f} s so far" if gone >= _LONG else ""
    return {"status": status_view("working", what.capitalize(), share, detail)}


def run_with_progress(
    session: Session,
    ticket: int,
    work: Callable[[Progress], T],
    told: Callable[[str, float, float], Update] = _told,
) -> Generator[Update, None, Outcome[T]]:
    """Runs work in a thread, yields its progress, and lets Stop end it at its next step.

    Args:
        session: The visitor's.
        ticket: Number of the request.
        work: What is done; it tells its progress.
        told: What the page shows of that: from what is done, its share and the seconds since the
            beginning. Called for the newest progress alone.
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

    began, kept = time.perf_counter(), True
    thread = threading.Thread(target=run, name="request", daemon=True)
    thread.start()
    while thread.is_alive() or not news.empty():
        thread.join(_TICK)
        # Before anything is said: a request that was ended must not speak over the newer one.
        session.check(ticket)
        last = None
        while not news.empty():
            last, kept = news.get(), False
        if last is not None:
            yield told(*last, time.perf_counter() - began)
    session.check(ticket)
    if failure:
        raise failure[0]
    return Outcome(outcome[0], time.perf_counter() - began, kept)


def wait_for_engine(
    loader: Loader, session: Session, ticket: int
) -> Generator[Update, None, Engine]:
    """The engine, once it is loaded."""
    while True:
        session.check(ticket)
        engine = loader.wait(4 * _TICK)
        if engine is not None:
            return engine
        now = loader.now
        yield {"status": status_view("working", f"Waiting for the model: {now.what}", now.share)}


def run_request(
    session: Session, ticket: int, request_queue: RequestQueue, steps: Updates
) -> Updates:
    """Runs steps to their end, whatever it is, and says so; waits for its turn before."""
    yield {"busy": True, "status": status_view("working", "Reading the query")}
    ended: Update = {}
    try:
        with request_queue.place() as place:
            while before := request_queue.before(place, _PATIENCE):
                session.check(ticket)
                queued = (
                    f"Place {before} in the queue: {request_queue.served} others are being served"
                )
                yield {"status": status_view("working", queued)}
            yield from steps
    except InputError as error:
        ended = {"status": status_view("error", str(error))}
    except Stopped:
        ended = {"status": status_view("stopped", "Stopped. Ask again whenever you like.")}
    except Exception:
        _log.exception("A request failed")
        failed = "Something went wrong on the server; its log says what. Your query is kept."
        ended = {"status": status_view("error", failed)}
    finally:
        # Also where the visitor has gone: what still runs in a thread ends at its next step.
        session.stopped = max(session.stopped, ticket)
    # A request that a newer one has ended says nothing more.
    if ticket == session.ticket:
        yield {**ended, "busy": False}
