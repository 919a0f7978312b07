"""Waits for what another thread does."""

from __future__ import annotations

import threading
from collections.abc import Callable

_LOOK_SECONDS = 0.01


def await_(reached: Callable[[], object], seconds: float = 120) -> None:
    """Waits until something is so, or fails."""
    # Counted, not timed: a test may have put another clock in place of the real one.
    for _ in range(round(seconds / _LOOK_SECONDS)):
        if reached():
            return
        threading.Event().wait(_LOOK_SECONDS)
    raise AssertionError("it never came")
