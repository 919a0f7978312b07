"""The status line: what the server is doing, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StatusPanel:
    """What the status line shows.

    Attributes:
        state: `idle`, `working`, `done`, `stopped` or `error`.
        text: The sentence.
        share: How much of the work is done, 0 to 1.
        detail: Numbers beside the sentence.
        notice: What stays until the visitor closes it, whatever follows in this line.
        open: An address to go to; empty to stay.
    """

    state: str
    text: str
    share: float = 0.0
    detail: str = ""
    notice: str = ""
    open: str = ""

    @classmethod
    def empty(cls) -> StatusPanel:
        """The line before anything runs."""
        return cls("idle", "")
