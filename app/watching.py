"""Requests that take long: their progress on the page, their end at Stop, their failures."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from analysis.errors import InputError
from analysis.progress import Progress
from app import views
from app.loader import Loader
from app.session import Session, Stopped

if TYPE_CHECKING:
    from analysis.engine import Engine

Update = dict[str, Any]
Updates = Generator[Update, None, None]
T = TypeVar("T")

_log = logging.getLogger(__name__)
_TICK = 0.1


def watched(
    session: Session, ticket: int, work: Callable[[Progress], T]
) -> Generator[Update, None, T]:
    """Runs work in a thread, yields its progress, and lets Stop end it at its next step."""
    told: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
    outcome: list[T] = []
    failure: list[BaseException] = []
    progress = session.watching(ticket, lambda what, share: told.put((what, share)))

    def run() -> None:
        try:
            outcome.append(work(progress))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="request", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_TICK)
        last = None
        while not told.empty():
            last = told.get()
        if last is not None:
            yield {"status": views.status("working", last[0].capitalize(), last[1])}
        session.check(ticket)
    if failure:
        raise failure[0]
    return outcome[0]


def loaded(loader: Loader, session: Session, ticket: int) -> Generator[Update, None, Engine]:
    """The engine, once it is loaded."""
    while True:
        session.check(ticket)
        engine = loader.wait(2 * _TICK)
        if engine is not None:
            return engine
        now = loader.now
        yield {"status": views.status("working", f"Waiting for the model: {now.what}", now.share)}


def guarded(session: Session, ticket: int, steps: Updates) -> Updates:
    """Runs steps to their end, whatever it is, and says so."""
    yield {"busy": True, "status": views.status("working", "Reading the query")}
    try:
        yield from steps
    except InputError as error:
        yield {"status": views.status("error", str(error))}
    except Stopped:
        if ticket == session.ticket:
            yield {"status": views.status("stopped", "Stopped. Ask again whenever you like.")}
    except Exception:
        _log.exception("A request failed")
        failed = "Something went wrong on the server; its log says what. Your query is kept."
        yield {"status": views.status("error", failed)}
    finally:
        # Also where the visitor has gone: what still runs in a thread ends at its next step.
        session.stopped = max(session.stopped, ticket)
    if ticket == session.ticket:
        yield {"busy": False}
