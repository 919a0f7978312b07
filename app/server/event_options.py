"""Options of events that all tabs share: how Gradio runs the listeners."""

from __future__ import annotations

from typing import Any

from gradio.events import Dependency

from app.server.request_queue import SERVED, WAITING

# Threads beside those of the queue: requests beyond a full queue get their refusal at once.
_REFUSED = 16

AT_ONCE: dict[str, Any] = {"show_progress": "hidden", "queue": False}
"""Of events that need neither the model nor a turn."""

REQUEST_TURN: dict[str, Any] = {
    "concurrency_id": "request",
    # Requests wait in a queue of the page's own, which knows their positions.
    "concurrency_limit": SERVED + WAITING + _REFUSED,
}
"""Of events that run the model: those of the page and of programs share one limit."""

REQUEST: dict[str, Any] = REQUEST_TURN | {
    "show_progress": "hidden",
    # A newer request ends the running one, so Gradio must not drop it.
    "trigger_mode": "multiple",
}
"""Of a visitor's events that run the model."""

CELL: dict[str, Any] = {
    "show_progress": "hidden",
    # A grid sends one cell at a time, and no stroke of the brush may be dropped.
    "trigger_mode": "multiple",
    # The brush does not wait for other visitors' views, which may read whole layers.
    "concurrency_id": "cell",
    "concurrency_limit": SERVED,
}
"""Of events of a grid's cells."""

READ_ADDRESS: dict[str, Any] = AT_ONCE | {
    "js": "(...inputs) => { FusionLens.openingBegins(); return inputs; }"
}
"""Of events that read the page's address as it loads; `when_read` follows each of them."""


def when_read(event: Dependency) -> Dependency:
    """The page is inert until this has followed the last event that reads its address.

    Args:
        event: Such an event; it may fail.

    Returns:
        What further steps follow where it did not fail.
    """
    end: dict[str, Any] = {
        "fn": None,
        "js": "() => { FusionLens.openingEnds(); return []; }",
        "show_progress": "hidden",
    }
    event.failure(**end)
    done: Dependency = event.then(**end)
    return done
