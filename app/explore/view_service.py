"""What happens when somebody looks: nothing here runs the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from analysis.common.errors import InputError
from analysis.measure.metrics import metrics
from analysis.measure.trace import MEAN
from app.explore.divergences import cached_divergence
from app.state.session import Session
from app.state.snapshot import Snapshot, take, with_settings
from app.state.view_settings import ViewSettings
from app.state.what_if import WhatIfWeights
from app.views import figure_panels, grid_views
from app.views.cell_view import cell_view
from app.views.grid_views import GridView
from app.views.prompt_view import prompt_view
from app.widgets import text
from app.widgets.status import status_view

if TYPE_CHECKING:
    from app.server.loader import Loader
    from app.state.run import Run
    from app.state.stored_example import StoredExample

Update = dict[str, Any]

_READ = (
    "Read at the token “{token}” through the {lens} lens. What a lens shows of early layers is "
    "not a calibrated probability."
)

_UNREAD = "Every token has to be read for this, once for each lens and metric."
_STORED = "This is the stored example: ask it yourself to read it in another way."


def same_numbers(one: Snapshot, other: Snapshot) -> bool:
    """Whether two pictures show the same numbers, however these are drawn."""
    drawn = replace(
        one,
        view_settings=replace(one.view_settings, show=other.view_settings.show),
        number=other.number,
    )
    return drawn == other


class ViewService:
    """Shows what a visitor wants to see of the run that is there.

    Args:
        loader: Has the engine.
        labels: The adapters' labels by name.
        example: The stored run that is there before there is another.
    """

    def __init__(
        self, loader: Loader, labels: Mapping[str, str], example: StoredExample | None = None
    ) -> None:
        self._loader = loader
        self._labels = labels
        self._example = example

    def change_settings(self, session: Session, view_settings: ViewSettings) -> Update:
        """The run, looked at differently."""
        session.view_settings = view_settings
        return self.again(session)

    def again(self, session: Session) -> Update:
        """The run that is there now, as the visitor wants to see it now."""
        while True:
            run, view_settings = session.run, session.view_settings
            try:
                snapshot = self._snapshot(session, run, view_settings)
            except InputError as error:
                return {"status": status_view("error", str(error))}
            # A lens takes its time: meanwhile a trace may have ended, or the look have changed.
            if session.run is run and session.view_settings is view_settings:
                break
        if snapshot is None:
            return {}
        before = session.snapshot
        session.show(snapshot)
        shown = self.shown(session)
        if before is not None and not same_numbers(before, snapshot):
            # What was tried with other numbers says nothing about these.
            shown |= {"spread": figure_panels.no_profile(), "copies": figure_panels.no_profile()}
        if snapshot.view_settings.needs != view_settings.needs and not session.busy:
            shown["status"] = status_view("idle", _STORED if run is None else _UNREAD)
        return shown

    def _snapshot(
        self, session: Session, run: Run | None, view_settings: ViewSettings
    ) -> Snapshot | None:
        engine = self._loader.engine
        if run is None or engine is None:
            # The stored example holds the divergences of one reading.
            return session.snapshot and with_settings(session.snapshot, view_settings)
        reading = cached_divergence(engine, run, view_settings)
        if reading is None:
            view_settings = replace(view_settings, position="query")
            reading = cached_divergence(engine, run, view_settings)
        assert reading is not None
        return take(reading, run, view_settings, self._labels)

    def shown(self, session: Session) -> Update:
        """All that depends on the picture, the pin, the painting and the cell."""
        snapshot = session.snapshot
        if snapshot is None:
            return {}
        source = session.run.trace if session.run is not None else self._example
        read: Update = {}
        if source is not None:
            read["prompt"] = prompt_view(source.prompt, snapshot.view_settings.position)
        return {
            **read,
            **self._drawn(session, snapshot),
            **self.why(session),
            **self.tokens(session),
        }

    @staticmethod
    def _grid_view(session: Session, snapshot: Snapshot) -> GridView:
        painted = session.what_if.weights if session.what_if else None
        return grid_views.grid_view(snapshot, session.pinned, painted)

    def _drawn(self, session: Session, snapshot: Snapshot) -> Update:
        """What is drawn of the picture: the same numbers as grid and as lines."""
        grid_view = self._grid_view(session, snapshot)
        return {
            "grid": figure_panels.grid(
                grid_view, session.cell, session.pinned, session.run is None
            ),
            "profile": figure_panels.profile(grid_view),
        }

    def select(self, session: Session, layer: int, adapter: int) -> Update:
        """A cell was chosen."""
        if not session.select(layer, adapter):
            return {}
        return {**self.why(session), **self.tokens(session)}

    @staticmethod
    def tokens(session: Session) -> Update:
        """The selected adapter at every token, if that has been read."""
        run, snapshot = session.run, session.snapshot
        every_token = (
            run.every_token.get(snapshot.view_settings.reading) if run and snapshot else None
        )
        if every_token is None or snapshot is None:
            return {"tokens": figure_panels.no_profile()}
        cell = session.cell or (snapshot.shown.start, 0)
        return {"tokens": figure_panels.every_token(snapshot, cell, every_token)}

    def why(self, session: Session) -> Update:
        """Why the selected cell is what it is."""
        snapshot, cell = session.snapshot, session.cell
        if snapshot is None or cell is None:
            return {}
        layer, adapter = cell
        grid_view = self._grid_view(session, snapshot)
        view_settings, engine, run = snapshot.view_settings, self._loader.engine, session.run
        position = "query" if view_settings.position == MEAN else view_settings.position
        if run is not None and engine is not None:
            prompt, name = run.trace.prompt, snapshot.adapters[adapter]
            behind = engine.cell(run.trace, layer, name, view_settings.lens, position)
            # Another metric or position is then there at once.
            engine.read_ahead(run.trace, view_settings.lens, layer, name)
        elif self._example is not None:
            prompt, behind = self._example.prompt, self._example.cells[layer][adapter]
        else:
            return {"why": cell_view(grid_view, layer, adapter, None)}
        place = prompt.query_last if position == "query" else prompt.last
        token = text.visible(prompt.tokens[place])
        note = _READ.format(token=token, lens=view_settings.lens)
        if view_settings.position == MEAN:
            note += " The divergence above is the mean over all tokens of the query."
        if not metrics()[view_settings.metric].paper:
            note += " The parts are those of the KL divergence."
        return {"why": cell_view(grid_view, layer, adapter, behind, note)}

    def paint(
        self, session: Session, layer: int, adapter: int, weight: float, scope: str
    ) -> Update:
        """A cell was painted."""
        if session.snapshot is None or session.what_if is None:
            return {}
        if not session.select(layer, adapter):
            return {}
        shown = session.snapshot.shown
        session.what_if = session.what_if.paint(layer, adapter, weight, scope, shown)
        return {**self._drawn(session, session.snapshot), **self.why(session)}

    def unpaint(self, session: Session) -> Update:
        """The painting begins anew."""
        if session.snapshot is not None:
            session.what_if = WhatIfWeights.over(session.snapshot)
        return self.shown(session)

    def pin(self, session: Session) -> Update:
        """What is shown becomes what others are compared with; a second time lets go of it."""
        session.pinned = session.snapshot if session.pinned is None else None
        if session.pinned is None and session.view_settings.show == "difference":
            session.view_settings = replace(session.view_settings, show="weights")
        return self.again(session)
