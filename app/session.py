"""What one visitor's page remembers between events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.answers import Sheet

if TYPE_CHECKING:
    from analysis.divergence import Divergence
    from analysis.engine import Engine
    from analysis.progress import Progress
    from analysis.trace import Trace


class Stopped(Exception):
    """The visitor pressed Stop."""


@dataclass(eq=False)
class Run:
    """One traced query and what was read from it so far.

    Attributes:
        number: Which of the visitor's requests it was.
        query: What was asked, as typed.
        trace: What the model left.
    """

    number: int
    query: str
    trace: Trace
    _readings: dict[tuple[str, str], Divergence] = field(default_factory=dict, repr=False)

    def reading(self, engine: Engine, lens: str, position: str) -> Divergence:
        """The divergence through a lens at a position: computed once, then kept."""
        key = (lens, position)
        if key not in self._readings:
            self._readings[key] = engine.divergence(self.trace, lens, position)
        return self._readings[key]


@dataclass(eq=False)
class Session:
    """One visitor's page. Compared by identity, as Gradio's state wants it.

    Attributes:
        ticket: Number of the newest request.
        stopped: Number of the newest request that was stopped.
        run: The run that is shown.
        sheet: The answers that are shown.
    """

    ticket: int = 0
    stopped: int = 0
    run: Run | None = None
    sheet: Sheet | None = None

    def begin(self) -> int:
        """Takes a number for a new request; the ones before it end."""
        self.stopped = self.ticket
        self.ticket += 1
        return self.ticket

    def stop(self) -> None:
        """Asks the request that runs to end at its next step."""
        self.stopped = self.ticket

    def check(self, ticket: int) -> None:
        """Raises Stopped where a request should go no further."""
        if ticket <= self.stopped:
            raise Stopped

    def watching(self, ticket: int, tell: Progress) -> Progress:
        """A progress callback that also ends a stopped request."""

        def progress(what: str, share: float) -> None:
            self.check(ticket)
            tell(what, share)

        return progress
