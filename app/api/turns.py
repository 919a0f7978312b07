"""A program's turn with the model: in the queue of the page, with the checks of the page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import gradio as gr

from analysis.common.limits import Owner
from app.server.clients.allowance import Allowance
from app.server.clients.connections import (
    CALL,
    LISTEN_SECONDS,
    client_of_event,
    connections_of_event,
)
from app.server.guard import text_of
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.server.requests import FAILED
from app.state.requests.page_requests import Stopped
from app.state.session import Session

if TYPE_CHECKING:
    from analysis.engine import Engine

# Seconds between two looks at the queue, and at the loading of the model.
_TICK = 0.2

Check = Callable[[], None]
"""Raises `Stopped` where the request has to end."""


@dataclass(frozen=True)
class Program:
    """Who asks.

    Attributes:
        session: Gradio's session of the program, of which a newer request ends the older one; None
            for a program without.
        call: The name of an MCP client's call; empty for any other program.
        address: The network address of the program.
    """

    session: str | None = None
    call: str = ""
    address: str = ""

    @classmethod
    def of(cls, request: gr.Request | None) -> Program:
        """The program of a request; called in the event's thread."""
        if request is None:
            return cls()
        connections = connections_of_event()
        call = request.headers.get(CALL, "")
        caller = connections.caller(call) if call and connections else None
        if caller is not None:
            # Gradio's MCP server has one session for all of its clients.
            return cls(None, call, caller)
        client = getattr(request, "client", None)
        return cls(getattr(request, "session_hash", None), "", client.host if client else "")


class Turns:
    """The turns of programs in the queue of all requests.

    Args:
        loader: Gives the engine once it is loaded.
        request_queue: The queue of all requests to the engine.
        allowance: How much the programs of one address may ask; no bound by default.
    """

    def __init__(
        self, loader: Loader, request_queue: RequestQueue, allowance: Allowance | None = None
    ) -> None:
        self._allowance = allowance
        self._loader = loader
        self._request_queue = request_queue
        self._sessions: WeakValueDictionary[str, Session] = WeakValueDictionary()
        self._lock = threading.Lock()

    @contextmanager
    def asked(self, request: gr.Request | None) -> Iterator[Program]:
        """Who asks, while what is asked is checked: what cannot be served waits for no turn.

        Args:
            request: Gradio's request.

        Raises:
            gr.Error: The request cannot be served; the message says why.
        """
        with told():
            program = Program.of(request)
            if self._allowance is not None:
                self._allowance.ask(program.address)
            yield program

    @contextmanager
    def turn(self, program: Program) -> Iterator[tuple[Engine, Check, Owner]]:
        """Waits in the queue; the turn ends with the context.

        Args:
            program: Who asks.

        Yields:
            The engine, a check to call at each step of the work, and whose questions these are:
            with `Limits.private`, results are kept until the turn ends.

        Raises:
            gr.Error: The request cannot be served; the message says why.
        """
        session, there = self._session(program.session), client_of_event(program.call)
        ticket = session.begin()

        def check() -> None:
            session.check(ticket)
            if not there():
                raise Stopped

        bound = self._allowance.place(program.address) if self._allowance else nullcontext()
        with told():
            try:
                with bound, self._request_queue.entry(session) as entry:
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
    except Stopped as error:
        why = (
            "This request was ended by a newer request of the same client, or because nobody "
            f"listened for its result for {LISTEN_SECONDS:.0f} s: ask in turn, and listen at once."
        )
        raise gr.Error(why, print_exception=False) from error
    except Exception as error:
        raise gr.Error(text_of(error, FAILED), print_exception=False) from error
