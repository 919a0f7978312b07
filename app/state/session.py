"""What one visitor's page remembers between events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.state.answer_stream import Sheet
from app.state.run import Asked, Run
from app.state.snapshot import Picture
from app.state.view_settings import Look
from app.state.what_if import Painting

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
        look: How the visitor wants to see it; the newest of all wishes.
        picture: What the grid shows of it.
        cell: The selected layer and adapter.
        pinned: The picture to compare with.
        painting: The what-if weights.
        sheet: The answers that are shown.
        asked: What they were made from.
        linked: Whether a permalink's query waits to be asked.
    """

    ticket: int = 0
    stopped: int = 0
    gives_way: bool = False
    run: Run | None = None
    look: Look = field(default_factory=Look)
    picture: Picture | None = None
    cell: tuple[int, int] | None = None
    pinned: Picture | None = None
    painting: Painting | None = None
    sheet: Sheet | None = None
    asked: Asked | None = None
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

    def watching(self, ticket: int, tell: Progress) -> Progress:
        """A progress callback that also ends a stopped request."""

        def progress(what: str, share: float) -> None:
            self.check(ticket)
            tell(what, share)

        return progress

    def show(self, picture: Picture) -> None:
        """Takes a picture as the one that is shown; keeps of the rest what still fits."""
        self.picture = picture
        if self.cell is None or not self._holds(picture, self.cell):
            self.cell = picture.strongest()
        if self.painting is None or not self.painting.touched or not self.painting.fits(picture):
            self.painting = Painting.over(picture)

    def select(self, layer: int, adapter: int) -> bool:
        """Selects a cell, if there is one."""
        if self.picture is None or not self._holds(self.picture, (layer, adapter)):
            return False
        self.cell = (layer, adapter)
        return True

    @staticmethod
    def _holds(picture: Picture, cell: tuple[int, int]) -> bool:
        return cell[0] in picture.shown and 0 <= cell[1] < picture.width
