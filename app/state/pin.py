"""The pin: a run that the visitor compares with later runs."""

from __future__ import annotations

from dataclasses import dataclass

from app.state.answers_panel import AnswersPanel
from app.state.run import Run
from app.state.snapshot import Snapshot


@dataclass(frozen=True)
class Pin:
    """A pinned run.

    Attributes:
        snapshot: Its numbers.
        run: The run; None for the stored example.
        answers: The answers that were shown with it; None if there were none.
    """

    snapshot: Snapshot
    run: Run | None = None
    answers: AnswersPanel | None = None
