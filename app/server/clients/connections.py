"""Who is connected: Gradio keeps what belongs to a visitor for long, also where nobody is left."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from gradio.context import LocalContext

from app.state.session import Session

_log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LISTEN_SECONDS = 30.0
"""A request whose client has listened for its result at no time in so many seconds is given up."""

REOPEN_SECONDS = 900.0
"""A page with a question is kept for so long after its last connection: a laptop may wake up."""

CALL = "x-fusion-lens-call"
"""The header that names an MCP client's call.

Gradio's MCP server asks the page itself, as one client for all of its own: the name, which nobody
else knows, tells whose call it is and whether anybody still waits for it.
"""

# Between two sweeps.
SWEEP_SECONDS = 30.0


class Connections:
    """Middleware that knows the open connections of each session and event of Gradio's.

    In the server's loop it drops, again and again, what Gradio keeps of those that have gone: the
    copy of a session's page, and messages that nobody fetches.

    Args:
        app: The application.
        swept: Called after each sweep, with whether anybody is there.
    """

    def __init__(self, app: App, swept: Callable[[bool], object] = lambda anybody: None) -> None:
        self._app = app
        self._swept = swept
        self._open: Counter[str] = Counter()
        # The calls of MCP clients, and the address of each.
        self._calls: dict[str, str] = {}
        self._left: dict[str, float] = {}
        self._sweeps = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, and counts it among the open connections meanwhile."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"].state.connections = self
        if not self._sweeps:
            self._sweeps = True
            self._sweep_later(scope["app"])
        if _is_call(scope):
            await self._call(scope, receive, send)
            return
        name = _name(scope)
        if not name:
            await self._app(scope, receive, send)
            return
        self._open[name] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]
            self._left[name] = time.monotonic()

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a call of an MCP client under a name of its own."""
        name = secrets.token_urlsafe(16)
        others = [one for one in scope["headers"] if one[0] != CALL.encode()]
        named = {**scope, "headers": [*others, (CALL.encode(), name.encode())]}
        self._calls[name] = scope["client"][0] if scope.get("client") else ""
        try:
            await self._app(named, receive, send)
        finally:
            del self._calls[name]

    def caller(self, call: str) -> str | None:
        """The address of an MCP client that waits for a call; None where nobody waits for it."""
        return self._calls.get(call)

    def listens(self, names: tuple[str, ...], since: float) -> bool:
        """Whether a client listens, or has listened lately.

        Args:
            names: Of its session and its event.
            since: When it asked, in monotonic seconds.
        """
        last = max(since, *(self._left.get(name, since) for name in names))
        return any(name in self._open for name in names) or (
            time.monotonic() - last < LISTEN_SECONDS
        )

    def sweep(self, app: Any) -> None:
        """Drops what Gradio keeps of those that have gone; called in the server's loop.

        Args:
            app: Gradio's application.
        """
        now, queue, states = time.monotonic(), app.get_blocks()._queue, app.state_holder
        busy = {event.session_hash for event in list(queue.event_ids_to_events.values())}
        messages, events = queue.pending_messages_per_session, queue.pending_event_ids_session
        kept = {name: left for name, left in self._left.items() if now - left < LISTEN_SECONDS}
        for name in {*states.session_data, *messages, *events}:
            if name in busy or name in self._open:
                continue
            state = states.session_data.get(name)
            patience = REOPEN_SECONDS if state and _has_asked(state) else LISTEN_SECONDS
            kept[name] = self._left.get(name, now)
            if now - kept[name] >= patience:
                del kept[name]
                states.session_data.pop(name, None)
                states.time_last_used.pop(name, None)
                messages.pop(name, None)
                events.pop(name, None)
        self._left = kept
        self._swept(bool(busy or states.session_data or self._open or self._calls))

    def _sweep_later(self, app: Any) -> None:
        def again() -> None:
            try:
                self.sweep(app)
            except Exception:
                _log.exception("What was left behind could not be dropped: tried again later")
            finally:
                self._sweep_later(app)

        asyncio.get_running_loop().call_later(SWEEP_SECONDS, again)


def connections_of_event() -> Connections | None:
    """The connections of the server of the event in whose thread this is called, if any."""
    blocks = LocalContext.blocks.get(None)
    return getattr(getattr(getattr(blocks, "app", None), "state", None), "connections", None)


def client_of_event(call: str = "") -> Callable[[], bool]:
    """Tells whether the client of an event is still there.

    Called in the event's thread. Gradio ends a listener whose client has gone at its next result,
    and a listener that waits has none.

    Args:
        call: The name of an MCP client's call; empty for any other client.

    Returns:
        A function for any thread; it is true outside of Gradio's events.
    """
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event_id is None:
        return lambda: True
    queue: Any = blocks._queue
    connections = connections_of_event()

    def there() -> bool:
        event = queue.event_ids_to_events.get(event_id)
        if event is None or not event.alive:
            return False
        # A cancelled event is taken out of its session's.
        if event_id not in queue.pending_event_ids_session.get(event.session_hash, ()):
            return False
        if call and connections is not None:
            return connections.caller(call) is not None
        names = (event.session_hash, event_id)
        return connections is None or connections.listens(names, event.enqueue_time)

    return there


def _is_call(scope: Scope) -> bool:
    return scope["method"] == "POST" and "/gradio_api/mcp" in str(scope["path"])


def _name(scope: Scope) -> str:
    """The session or the event for which a connection stays open; empty for any other request."""
    path = str(scope["path"]).rstrip("/")
    if path.endswith("/queue/data"):
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("session_hash")
        return asked[0] if asked else ""
    stays = "/heartbeat/" in path or ("/call/" in path and scope["method"] == "GET")
    return path.rpartition("/")[2] if stays else ""


def _has_asked(state: Any) -> bool:
    return any(
        isinstance(value, Session) and value.tickets.newest
        for value in list(state.state_data.values())
    )
