"""The session: the state of one visitor's page between events."""

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
        gives_way: Whether a change of view settings may end the newest request.
        run: The run that is shown.
        view_settings: The newest view settings.
        snapshot: The numbers that the grid shows.
        cell: The selected layer and adapter.
        pinned: The snapshot to compare with.
        what_if: The what-if weights.
        answer_stream: The answers that are shown.
        answer_record: Settings and weights of these answers.
        linked: Whether the query of a permalink waits to be asked.
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
        """Takes a number for a new request and ends the older requests."""
        self.stopped = self.ticket
        self.ticket += 1
        self.gives_way = gives_way
        return self.ticket

    def stop(self) -> None:
        """Ends the running request at its next step."""
        self.stopped = self.ticket

    def check(self, ticket: int) -> None:
        """Raises Stopped if a request has to end."""
        if ticket <= self.stopped:
            raise Stopped

    def progress_of(self, ticket: int, tell: Progress) -> Progress:
        """A progress callback that also ends a stopped request."""

        def progress(what: str, share: float) -> None:
            self.check(ticket)
            tell(what, share)

        return progress

    def show(self, snapshot: Snapshot) -> None:
        """Shows a snapshot; keeps the selected cell and the painted weights if they still fit."""
        self.snapshot = snapshot
        if self.cell is None or not self._holds(snapshot, self.cell):
            self.cell = snapshot.strongest()
        if self.what_if is None or not self.what_if.touched or not self.what_if.fits(snapshot):
            self.what_if = WhatIfWeights.over(snapshot)

    def select(self, layer: int, adapter: int) -> bool:
        """Selects a cell of the grid; False if the grid has no such cell."""
        if self.snapshot is None or not self._holds(self.snapshot, (layer, adapter)):
            return False
        self.cell = (layer, adapter)
        return True

    @staticmethod
    def _holds(snapshot: Snapshot, cell: tuple[int, int]) -> bool:
        return cell[0] in snapshot.visible_layers and 0 <= cell[1] < snapshot.width
