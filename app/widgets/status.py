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
    """

    state: str
    text: str
    share: float = 0.0
    detail: str = ""

    @classmethod
    def empty(cls) -> StatusPanel:
        """The line before anything runs."""
        return cls("idle", "")
