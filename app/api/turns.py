"""A program's turn with the model: in the queue of the page, with the checks of the page."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import gradio as gr

from analysis.common.errors import InputError
from analysis.common.limits import Owner
from app.server.connections import LISTEN_SECONDS, client_of_event
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.server.requests import FAILED
from app.state.session import Session, Stopped

if TYPE_CHECKING:
    from analysis.engine import Engine

_log = logging.getLogger(__name__)
# Seconds between two looks at the queue, and at the loading of the model.
_TICK = 0.2

Check = Callable[[], None]
"""Raises `Stopped` where the request has to end."""


class Turns:
    """The turns of programs in the queue of all requests.

    Args:
        loader: Gives the engine once it is loaded.
        request_queue: The queue of all requests to the engine.
    """

    def __init__(self, loader: Loader, request_queue: RequestQueue) -> None:
        self._loader = loader
        self._request_queue = request_queue
        self._sessions: WeakValueDictionary[str, Session] = WeakValueDictionary()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, program: str | None) -> Iterator[tuple[Engine, Check, Owner]]:
        """Waits in the queue; the turn ends with the context.

        Args:
            program: Gradio's session of the program, of which a newer request ends the older one;
                None for a program without.

        Yields:
            The engine, a check to call at each step of the work, and whose questions these are:
            with `Limits.private`, results are kept until the turn ends.

        Raises:
            gr.Error: The request cannot be served; the message says why.
        """
        session, there = self._session(program), client_of_event()
        ticket = session.begin()

        def check() -> None:
            session.check(ticket)
            if not there():
                raise Stopped

        with told():
            try:
                with self._request_queue.entry(session) as entry:
                    while self._request_queue.position(entry, _TICK):
                        check()
                    engine = None
                    while engine is None:
                        check()
                        engine = self._loader.wait(_TICK)
                    yield engine, check, session.owner
            finally:
                session.end(ticket)

    def _session(self, program: str | None) -> Session:
        if program is None:
            return Session()
        with self._lock:
            session = self._sessions.get(program)
            if session is None:
                session = self._sessions[program] = Session()
            return session


@contextmanager
def told() -> Iterator[None]:
    """Every failure reaches the program as a message, and never as a traceback."""
    try:
        yield
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except Stopped as error:
        why = (
            "This request was ended by a newer request of the same client, or because nobody "
            f"listened for its result for {LISTEN_SECONDS:.0f} s: ask in turn, and listen at once."
        )
        raise gr.Error(why, print_exception=False) from error
    except Exception as error:
        _log.exception("A program's request failed")
        raise gr.Error(FAILED, print_exception=False) from error
