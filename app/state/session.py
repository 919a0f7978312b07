"""The session: the state of one visitor's page between events."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.state.answer_stream import AnswerStream
from app.state.presets import presets
from app.state.run import AnswerRecord, Run
from app.state.snapshot import Snapshot
from app.state.view_settings import ViewSettings
from app.state.what_if import Cells, Stroke, WhatIfWeights

if TYPE_CHECKING:
    from analysis.common.progress import Progress


class Stopped(Exception):
    """The visitor pressed Stop."""


@dataclass(eq=False)
class Session:
    """One visitor's page. Compared by identity, as Gradio's state wants it.

    Several events of one visitor may run at the same time. Each change of the session is a method,
    which holds the session's lock. Code that reads several fields reads them from a `copy`.

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
        linked_cell: The layer and the adapter's name that a permalink selects, until it is shown.
        linked_paint: The cells that a permalink paints, until they are shown.
        lock: Held during each change.
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
    linked_cell: tuple[int, str] | None = None
    linked_paint: Cells = ()

    def __post_init__(self) -> None:
        # Not a field: Gradio copies the fields of its states, and locks have no copies.
        self.lock = threading.RLock()

    def __deepcopy__(self, memo: dict[int, object]) -> Session:
        # Gradio copies the first session for each visitor.
        return self.copy()

    def copy(self) -> Session:
        """The session of one moment, which no other event changes."""
        with self.lock:
            # The values of the fields never change in place.
            return replace(self)

    @property
    def busy(self) -> bool:
        """Whether a request runs."""
        return self.ticket > self.stopped

    def begin(self, view_settings: ViewSettings | None = None, *, gives_way: bool = False) -> int:
        """Takes a number for a new request and ends the older requests.

        Args:
            view_settings: The view settings of its result; the present settings by default.
            gives_way: Whether a change of view settings may end it.
        """
        with self.lock:
            self.stopped = self.ticket
            self.ticket += 1
            self.gives_way = gives_way
            if view_settings is not None:
                self.view_settings = view_settings
            return self.ticket

    def stop(self) -> None:
        """Ends the running request at its next step."""
        with self.lock:
            self.stopped = self.ticket

    def end(self, ticket: int) -> bool:
        """Ends a request, and tells whether it is still the newest one."""
        with self.lock:
            self.stopped = max(self.stopped, ticket)
            return ticket == self.ticket

    def open_link(self, view_settings: ViewSettings | None) -> None:
        """Takes the view settings of a permalink; None where its query waits to be asked."""
        with self.lock:
            self.linked = view_settings is None
            if view_settings is not None:
                self.view_settings = view_settings

    def open_parts(self, cell: tuple[int, str] | None, paint: Cells) -> None:
        """Takes the selected cell and the painted cells of a permalink, for its run."""
        with self.lock:
            self.linked_cell, self.linked_paint = cell, paint

    def take_linked(self) -> bool:
        """Whether a permalink's query waits to be asked; it no longer waits afterwards."""
        with self.lock:
            linked, self.linked = self.linked, False
            return linked

    def check(self, ticket: int) -> None:
        """Raises Stopped if a request has to end."""
        with self.lock:
            if ticket <= self.stopped:
                raise Stopped

    def progress_of(self, ticket: int, tell: Progress) -> Progress:
        """A progress callback that also ends a stopped request."""

        def progress(what: str, share: float) -> None:
            self.check(ticket)
            tell(what, share)

        return progress

    def change_settings(self, view_settings: ViewSettings) -> None:
        """Takes new view settings."""
        with self.lock:
            self.view_settings = view_settings

    def show_run(self, run: Run, view_settings: ViewSettings, snapshot: Snapshot) -> bool:
        """Shows a new run, without the answers of the run before.

        Args:
            run: The run.
            view_settings: The view settings for which the snapshot was made.
            snapshot: The snapshot of the run.

        Returns:
            False if the view settings have changed since.

        Raises:
            Stopped: The request of the run has to end.
        """
        with self.lock:
            self.check(run.number)
            if self.view_settings is not view_settings:
                return False
            self.run, self.answer_stream, self.answer_record = run, None, None
            self.show(snapshot)
            return True

    def show_if_current(
        self, run: Run | None, view_settings: ViewSettings, snapshot: Snapshot
    ) -> bool:
        """Shows a snapshot, unless run or view settings have changed since it was begun.

        Returns:
            Whether the snapshot is shown.
        """
        with self.lock:
            if self.run is not run or self.view_settings is not view_settings:
                return False
            self.show(snapshot)
            return True

    def show_answers(self, answer_stream: AnswerStream, answer_record: AnswerRecord) -> None:
        """Shows the answers of a request.

        Raises:
            Stopped: The request has to end.
        """
        with self.lock:
            self.check(answer_stream.run)
            self.answer_stream, self.answer_record = answer_stream, answer_record

    def finish_answers(self, answer_stream: AnswerStream, answer_record: AnswerRecord) -> bool:
        """Records how answers ended; False if they are not shown any more."""
        with self.lock:
            if self.answer_stream is not answer_stream:
                return False
            self.answer_record = answer_record
            return True

    def show(self, snapshot: Snapshot) -> None:
        """Shows a snapshot; keeps the selected cell and the painted weights if they still fit."""
        with self.lock:
            self.snapshot = snapshot
            if self.cell is None or not self._holds(snapshot, self.cell):
                self.cell = snapshot.strongest()
            if self.what_if is None or not self.what_if.touched or not self.what_if.fits(snapshot):
                self.what_if = WhatIfWeights.over(snapshot)
            self._show_linked(snapshot)

    def _show_linked(self, snapshot: Snapshot) -> None:
        """Selects and paints what a permalink selects and paints, once, on the run that it asks."""
        if self.linked:
            return  # its query waits to be asked
        cell, paint = self.linked_cell, self.linked_paint
        self.linked_cell, self.linked_paint = None, ()
        if cell is not None and cell[1] in snapshot.adapters:
            self.select(cell[0], snapshot.adapters.index(cell[1]))
        if paint:
            self.what_if = WhatIfWeights.over(snapshot).with_cells(paint)

    def select(self, layer: int, adapter: int) -> bool:
        """Selects a cell of the grid; False if the grid has no such cell."""
        with self.lock:
            if self.snapshot is None or not self._holds(self.snapshot, (layer, adapter)):
                return False
            self.cell = (layer, adapter)
            return True

    def paint(
        self,
        layer: int,
        adapter: int,
        weight: float,
        scope: str,
        number: int | None = None,
        drag: int = 0,
    ) -> bool:
        """Paints cells of the grid, and selects the clicked one.

        Args:
            layer: The layer of the clicked cell.
            adapter: The adapter's index.
            weight: The weight that the cells get.
            scope: One of `what_if.SCOPES`.
            number: Order of the stroke; after all strokes so far by default.
            drag: Number of the movement that the stroke is a part of; 0 if it is on its own.

        Returns:
            False if the grid has no such cell.
        """
        with self.lock:
            if self.snapshot is None or self.what_if is None or not self.select(layer, adapter):
                return False
            if number is None:
                number = 1 + max((one.number for one in self.what_if.strokes), default=0)
            visible_layers = self.snapshot.visible_layers
            stroke = Stroke(number, layer, adapter, weight, scope, visible_layers, drag)
            self.what_if = self.what_if.paint(stroke)
            return True

    def paint_preset(self, index: int) -> bool:
        """Paints a preset over the weights of the run; False if there is no such preset."""
        with self.lock:
            if self.snapshot is None or self.what_if is None:
                return False
            offered = presets(self.snapshot)
            if not 0 <= index < len(offered):
                return False
            self.what_if = self.what_if.with_cells(offered[index].cells)
            return True

    def undo_painting(self) -> None:
        """Takes back the last stroke of the brush."""
        with self.lock:
            if self.what_if is not None:
                self.what_if = self.what_if.undo()

    def reset_painting(self) -> None:
        """Resets the painted weights to those of the run."""
        with self.lock:
            if self.snapshot is not None:
                self.what_if = WhatIfWeights.over(self.snapshot)

    def pin(self) -> None:
        """Pins the shown snapshot for comparison, or unpins the pinned one."""
        with self.lock:
            self.pinned = self.snapshot if self.pinned is None else None
            if self.pinned is None and self.view_settings.show == "difference":
                self.view_settings = replace(self.view_settings, show="weights")

    @staticmethod
    def _holds(snapshot: Snapshot, cell: tuple[int, int]) -> bool:
        return cell[0] in snapshot.visible_layers and 0 <= cell[1] < snapshot.width
