"""Who is connected: Gradio keeps what belongs to a visitor for long, also where nobody is left."""

from __future__ import annotations

import asyncio
import logging
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

# Between two sweeps.
_SWEEP_SECONDS = 30.0


class Connections:
    """Middleware that knows the open connections of each session and event of Gradio's.

    In the server's loop it drops, again and again, what Gradio keeps of those that have gone: the
    copy of a session's page, and messages that nobody fetches.

    Args:
        app: The application.
        swept: Called after each sweep.
    """

    def __init__(self, app: App, swept: Callable[[], object] = lambda: None) -> None:
        self._app = app
        self._swept = swept
        self._open: Counter[str] = Counter()
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
        self._swept()

    def _sweep_later(self, app: Any) -> None:
        def again() -> None:
            try:
                self.sweep(app)
            except Exception:
                _log.exception("What was left behind could not be dropped: tried again later")
            finally:
                self._sweep_later(app)

        asyncio.get_running_loop().call_later(_SWEEP_SECONDS, again)


def client_of_event() -> Callable[[], bool]:
    """Tells whether the client of an event is still there.

    Called in the event's thread. Gradio ends a listener whose client has gone at its next result,
    and a listener that waits has none.

    Returns:
        A function for any thread; it is true outside of Gradio's events.
    """
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event_id is None:
        return lambda: True
    queue: Any = blocks._queue
    connections: Connections | None = getattr(
        getattr(getattr(blocks, "app", None), "state", None), "connections", None
    )

    def there() -> bool:
        event = queue.event_ids_to_events.get(event_id)
        if event is None or not event.alive:
            return False
        # A cancelled event is taken out of its session's.
        if event_id not in queue.pending_event_ids_session.get(event.session_hash, ()):
            return False
        names = (event.session_hash, event_id)
        return connections is None or connections.listens(names, event.enqueue_time)

    return there


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
