"""The line that says what is going on."""

from __future__ import annotations

from typing import Any


def status_view(state: str, what: str, share: float = 0.0, detail: str = "") -> dict[str, Any]:
    """The line that says what is going on: `idle`, `working`, `done`, `stopped` or `error`."""
    return {"state": state, "text": what, "share": share, "detail": detail}
