"""The guard of handlers: every failure ends as a message on the page."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from analysis.common.errors import InputError
from app.server.requests import FAILED
from app.widgets.status import StatusPanel

if TYPE_CHECKING:
    from app.explore.handlers import Handlers

_log = logging.getLogger(__name__)


def guarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose errors are shown in the status line; the page keeps everything else.

    Requests need no such guard: `run_request` has its own.
    """

    @functools.wraps(handler)
    def guard(self: Handlers, *given: Any, **named: Any) -> Any:
        try:
            return handler(self, *given, **named)
        except InputError as error:
            return self.page.message(StatusPanel("error", str(error)))
        except Exception:
            _log.exception("A handler of the Explore tab failed")
            return self.page.message(StatusPanel("error", FAILED))

    return guard
