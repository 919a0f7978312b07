"""The session: the state of one visitor's page between events."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from analysis.common.limits import Owner
from app.state.answer_stream import AnswerStream
from app.state.answers_panel import AnswersPanel
from app.state.painting.presets import presets
from app.state.painting.what_if import Stroke, WhatIfWeights
from app.state.pin import Pin
from app.state.requests.page_requests import PageRequests
from app.state.run import AnswerRecord, Check, Run
from app.state.settings.view_settings import OF_PIN, ViewSettings
from app.state.snapshot import Snapshot

_MOMENTS = itertools.count(time.time_ns() // 1_000_000)


@dataclass(eq=False)
class Session(PageRequests):
    """One visitor's page. Compared by identity, as Gradio's state wants it.

    Several events of one visitor may run at the same time. Each change of the session is a method,
    which holds the session's lock. Code that reads several fields reads them from a `copy`.

    Attributes:
        run: The run that is shown.
        snapshot: The numbers that the grid shows.
        cell: The selected layer and adapter.
        pinned: The run to compare with.
        what_if: The what-if weights.
        answer_stream: The answers that are shown.
        answer_record: Settings and weights of these answers.
        checks: The robustness checks of the numbers that the grid shows, by name.
        moment: Of a copy: later copies have larger numbers, those of a server's next start, too.
        owner: The visitor.
        painting: Held while painted weights are drawn, so that the newest are drawn last.
    """

    run: Run | None = None
    snapshot: Snapshot | None = None
    cell: tuple[int, int] | None = None
    pinned: Pin | None = None
    what_if: WhatIfWeights | None = None
    answer_stream: AnswerStream | None = None
    answer_record: AnswerRecord | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    moment: int = 0
    owner: Owner = field(default_factory=Owner)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.painting = threading.Lock()

    def __deepcopy__(self, memo: dict[int, object]) -> Session:
        # Gradio copies the first session for each visitor.
        return replace(self.copy(), owner=Owner())

    def copy(self) -> Session:
        """The session of one moment, which no other event changes."""
        with self.lock:
            # The values of the fields never change in place.
            return replace(self, moment=next(_MOMENTS))

    @property
    def pinned_snapshot(self) -> Snapshot | None:
        """The numbers to compare with."""
        return self.pinned.snapshot if self.pinned is not None else None

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

    def narrow(self, run: Run, adapters: tuple[str, ...]) -> bool:
        """Shows some of the traced adapters of a run; False if it is not shown any more."""
        with self.lock:
            if self.run is not run:
                return False
            self.run = replace(run, adapters=adapters, asked=run.asked or run.adapters)
            return True

    def keep_check(self, snapshot: Snapshot, check: Check) -> None:
        """Keeps a robustness check of a snapshot, unless other numbers are shown by now."""
        with self.lock:
            if self.snapshot is snapshot:
                self.checks = {**self.checks, check.name: check}

    def drop_checks(self) -> None:
        """Drops the robustness checks: other numbers are shown."""
        with self.lock:
            self.checks = {}

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
            before, self.snapshot = self.snapshot, snapshot
            self.cell = snapshot.selected(self.cell, before)
            painted = self.what_if
            self.what_if = painted.on(snapshot, before) if painted else WhatIfWeights.over(snapshot)
            linked = self.linked
            if linked.waits:
                return  # a permalink selects and paints on the run that it asks for
            self.linked = replace(linked, cell=None, paint=())
            if linked.cell is not None and linked.cell[1] in snapshot.adapters:
                self.select(linked.cell[0], snapshot.adapters.index(linked.cell[1]))
            if linked.paint:
                self.what_if = WhatIfWeights.over(snapshot).with_cells(linked.paint)

    def select(self, layer: int, adapter: int) -> bool:
        """Selects a cell of the grid; False if the grid has no such cell."""
        with self.lock:
            if self.snapshot is None or not self.snapshot.shows((layer, adapter)):
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
                number = self.what_if.next_number
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

    def pin(self, stored_answers: AnswersPanel | None = None) -> None:
        """Pins the shown snapshot and its answers for comparison, or unpins the pinned one.

        Args:
            stored_answers: The answers of the stored example, for its snapshot.
        """
        with self.lock:
            if self.pinned is not None or self.snapshot is None:
                self.pinned = None
                if self.view_settings.show in OF_PIN:
                    self.view_settings = replace(self.view_settings, show="weights")
                return
            run, stream = self.run, self.answer_stream
            answers = stored_answers if run is None else None
            if run is not None and stream is not None and stream.run == run.number:
                answers = stream.panel()
            self.pinned = Pin(self.snapshot, run, answers)
