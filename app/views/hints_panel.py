"""The hints panel: why buttons are disabled, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.state.session import Session
from app.widgets.words.said import say

_NO_RUN = say("Ask a question first.")
_STORED = say("This is the stored example. Ask the question yourself first.")
_BUSY = say("A request is running. Wait, or press Stop.")
_IDLE = say("No request is running.")


@dataclass(frozen=True)
class HintsPanel:
    """Why buttons are disabled.

    Attributes:
        reasons: The reasons by the ids of the disabled buttons.
        written: The ids of the buttons that have their reason written beside them. The status
            line shows that a request runs, and such a text would move the page.
    """

    reasons: Mapping[str, str]
    written: tuple[str, ...]


def hints_panel(reasons: Mapping[str, str]) -> HintsPanel:
    """The hints for some reasons."""
    written = tuple(name for name in reasons if reasons[name] in (_NO_RUN, _STORED))
    return HintsPanel(reasons, written)


def disabled_buttons(session: Session) -> dict[str, str]:
    """The ids of the disabled buttons, each with the reason."""
    session = session.copy()
    busy = session.busy
    reasons = {"ask": _BUSY} if busy else {"stop": _IDLE}
    if session.snapshot is None:
        reasons |= dict.fromkeys(("pin", "answer-shown"), _NO_RUN)
    need_run = ("every-token", "check-variants", "check-copies")
    if session.run is None:
        reasons |= dict.fromkeys(need_run, _NO_RUN if session.snapshot is None else _STORED)
    if busy:
        reasons |= dict.fromkeys(("answer-shown", *need_run), _BUSY)
    return reasons
