"""What one visitor's page remembers between events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.state.answer_stream import AnswerStream
from app.state.run import AnswerRecord, Run
from app.state.snapshot import Snapshot
from app.state.view_settings import ViewSettings
from app.state.what_if import WhatIfWeights

if TYPE_CHECKING:
    from analysis.common.progress import Progress


class Stopped(Exception):
    """The visitor pressed Stop."""


@dataclass(eq=False)
class Session:
    """One visitor's page. Compared by identity, as Gradio's state wants it.

    Attributes:
        ticket: Number of the newest request.
        stopped: Number of the newest request that has ended, or is to end.
        gives_way: Whether the newest request may be ended for what somebody wants to see instead.
        run: The run that is shown.
        view_settings: How the visitor wants to see it; the newest of all wishes.
        snapshot: What the grid shows of it.
        cell: The selected layer and adapter.
        pinned: The picture to compare with.
        what_if: The what-if weights.
        answer_stream: The answers that are shown.
        answer_record: What they were made from.
        linked: Whether a permalink's query waits to be asked.
    """

    ticket: int = 0
    stopped: int = 0
    gives_way: bool = False
    run: Run | None = None
    view_settings: ViewSettings = field(default_factory=ViewSettings)
    snapshot: Snapshot | None = None
    cell: tuple[int, int] | None = None
    pinned: Snapshot | None = None
    what_if: WhatIfWeights | None = None
    answer_stream: AnswerStream | None = None
    answer_record: AnswerRecord | None = None
    linked: bool = False

    @property
    def busy(self) -> bool:
        """Whether a request runs."""
        return self.ticket > self.stopped

    def begin(self, *, gives_way: bool = False) -> int:
        """Takes a number for a new request; the ones before it end."""
        self.stopped = self.ticket
        self.ticket += 1
        self.gives_way = gives_way
        return self.ticket

    def stop(self) -> None:
        """Asks the request that runs to end at its next step."""
        self.stopped = self.ticket

    def check(self, ticket: int) -> None:
        """Raises Stopped where a request should go no further."""
        if ticket <= self.stopped:
            raise Stopped

    def progress_of(self, ticket: int, tell: Progress) -> Progress:
        """A progress callback that also ends a stopped request."""

        def progress(what: str, share: float) -> None:
            self.check(ticket)
            tell(what, share)

        return progress

    def show(self, snapshot: Snapshot) -> None:
        """Takes a picture as the one that is shown; keeps of the rest what still fits."""
        self.snapshot = snapshot
        if self.cell is None or not self._holds(snapshot, self.cell):
            self.cell = snapshot.strongest()
        if self.what_if is None or not self.what_if.touched or not self.what_if.fits(snapshot):
            self.what_if = WhatIfWeights.over(snapshot)

    def select(self, layer: int, adapter: int) -> bool:
        """Selects a cell, if there is one."""
        if self.snapshot is None or not self._holds(self.snapshot, (layer, adapter)):
            return False
        self.cell = (layer, adapter)
        return True

    @staticmethod
    def _holds(snapshot: Snapshot, cell: tuple[int, int]) -> bool:
        return cell[0] in snapshot.shown and 0 <= cell[1] < snapshot.width
