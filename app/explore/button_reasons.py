"""Why a button cannot be used right now, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.state.session import Session

_NOTHING_YET = "Ask a question first."
_STORED = "This is the stored example: ask the question yourself first."
_BUSY = "Something is running: wait for it, or stop it."


def view(reasons: Mapping[str, str]) -> dict[str, Any]:
    """The reasons, and which of them are written out beside the buttons.

    What runs is said above already; and nothing may come and go while it does.
    """
    written = [name for name in reasons if reasons[name] in (_NOTHING_YET, _STORED)]
    return {"reasons": dict(reasons), "written": written}


def reasons(session: Session) -> dict[str, str]:
    """Why buttons cannot be used, by their ids; those that can be used are not in it."""
    busy = session.busy
    found = {"ask": _BUSY} if busy else {"stop": "Nothing is running."}
    if session.snapshot is None:
        found |= dict.fromkeys(("pin", "hear"), _NOTHING_YET)
    if session.run is None:
        why = _NOTHING_YET if session.snapshot is None else _STORED
        found |= dict.fromkeys(("every", "check", "copy"), why)
    if busy:
        found |= dict.fromkeys(("hear", "every", "check", "copy"), _BUSY)
    return found
