"""The guard of handlers: every failure ends as a message on the page."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from analysis.common.errors import InputError, is_full
from app.widgets import text
from app.widgets.words.said import say

_log = logging.getLogger(__name__)


class Guarded(Protocol):
    """Handlers that can show a failure.

    Attributes:
        fault: What the page says after a fault of ours; the log has the reason.
    """

    fault: ClassVar[str]

    def failed(self, text: str) -> Any:
        """The changes that show a failure; everything else on the page stays."""


def guarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose errors are shown on the page.

    Requests have a guard of their own: their errors also end the request.
    """

    @functools.wraps(handler)
    def guard(self: Guarded, *given: Any, **named: Any) -> Any:
        try:
            return handler(self, *given, **named)
        except Exception as error:
            return self.failed(text_of(error, self.fault))

    return guard


def text_of(error: Exception, fault: str, *, folders: bool = False) -> str:
    """What the page says of an error, which is logged unless it is a visitor's mistake.

    Args:
        error: The error, while it is handled.
        fault: What the page says of a fault of ours.
        folders: Whether it says in which folders files lie: to whoever named these folders.
    """
    if isinstance(error, InputError):
        said = text.plain(error.message)
        return said if folders else text.without_folders(said)
    if is_full(error):
        return say("The server's disk is full: free some space there, then try again.")
    _log.exception("A handler failed")
    return fault
