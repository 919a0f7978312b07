"""Serves changes of view settings: reads kept traces, never runs the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from app.server.guard import text_of
from app.services.divergences import cached_relevance, plainer
from app.services.run_panels import RunPanels
from app.services.updates import Update
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot, among, snapshot_of, with_settings
from app.views.charts_panel import ChartsPanel
from app.widgets import text
from app.widgets.status import StatusPanel
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.measure.trace import Trace
    from app.server.loader import Loader
    from app.state.run import Run
    from app.state.stored_example import StoredExample

_UNREAD = say("The model has to read every token for this, once for each lens and metric.")
_UNUSUAL = say(
    "The model has to run for this: once for each question, and once for the usual sizes."
)
_STORED = say("The stored example has no such numbers. Ask the question yourself to see them.")


def same_numbers(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots have the same numbers, whichever of them the grid shows."""
    return other == replace(
        one,
        view_settings=replace(one.view_settings, show=other.view_settings.show),
        number=other.number,
    )


def _stored_or_unread(run: Run | None, view_settings: ViewSettings) -> str:
    if run is None:
        return _STORED
    return _UNREAD if view_settings.reads_every_token else _UNUSUAL


class ViewService:
    """Shows the run of a visitor under the view settings.

    Args:
        loader: Gives the engine once it is loaded.
        labels: The adapters' labels by name.
        example: The stored run, which the page shows before the first question.
    """

    def __init__(
        self, loader: Loader, labels: Mapping[str, str], example: StoredExample | None = None
    ) -> None:
        self._loader = loader
        self._labels = labels
        self._example = example
        self._panels = RunPanels(loader, labels, example)

    def change_settings(self, session: Session, view_settings: ViewSettings) -> Update:
        """The run under other view settings."""
        session.change_settings(view_settings)
        return self.redraw(session)

    def choose_adapters(self, session: Session, adapters: tuple[str, ...]) -> tuple[Update, str]:
        """Divides the weights among some adapters at once, where the trace has them.

        Args:
            session: The visitor's session.
            adapters: Names of the adapters, in the order of the collection.

        Returns:
            The update of the page, and why the grid stays as it is; empty if it does not.
        """
        now = session.copy()
        snapshot, run, engine = now.snapshot, now.run, self._loader.engine
        if snapshot is None or adapters == snapshot.adapters:
            return {}, ""
        if not adapters:
            return {}, "Choose at least one adapter; the grid stays as it is."
        if run is not None and engine is not None:
            if engine.kept_trace(run.prompt, adapters) is None:
                return {}, self._untraced(adapters, run.adapters)
            return (self.redraw(session) if session.narrow(run, adapters) else {}), ""
        if self._example is None:
            return {}, ""
        narrowed = with_settings(among(self._example.snapshot, adapters), now.view_settings)
        shown = session.show_if_current(None, now.view_settings, narrowed)
        return (self.panels(session) if shown else {}), ""

    def _untraced(self, adapters: Sequence[str], traced: Sequence[str]) -> str:
        new = [self._labels[name] for name in adapters if name not in traced]
        if not new:
            return "The numbers of this question are no longer kept: press Ask to read them again."
        was = "was" if len(new) == 1 else "were"
        return f"{text.listed(new)} {was} not traced with this question: press Ask to add."

    def show_run(self, session: Session, run: Run, trace: Trace) -> Update:
        """A new run under the newest view settings.

        Args:
            session: The visitor's session.
            run: The run.
            trace: Its trace, which the engine may not have kept.

        Raises:
            Stopped: The request of the run has to end.
        """
        return self._show(session, run, trace)

    def redraw(self, session: Session) -> Update:
        """The run that is shown, under the newest view settings."""
        return self._show(session)

    def _show(
        self, session: Session, new_run: Run | None = None, trace: Trace | None = None
    ) -> Update:
        # Reading takes time: meanwhile another run may be there, or other view settings.
        while True:
            missing = ""
            now = session.copy()
            run, before, view_settings = new_run or now.run, now.snapshot, now.view_settings
            try:
                snapshot = self._snapshot(before, run, view_settings, trace)
            except InputError as error:
                # The engine no longer keeps the trace. The grid's own numbers are still there.
                missing = text_of(error, "")
                if run is None or before is None or before.run != str(run.number):
                    return {"status": StatusPanel("error", missing)}
                snapshot = with_settings(before, view_settings)
            if snapshot is None:
                return {}
            if new_run is not None:
                shown = session.show_run(new_run, view_settings, snapshot)
            else:
                shown = session.show_if_current(run, view_settings, snapshot)
            if shown:
                break
        update = self.panels(session, trace)
        if before is not None and not same_numbers(before, snapshot):
            # The robustness checks were made with the numbers before.
            update["variants"] = update["copies"] = ChartsPanel.empty()
            session.drop_checks()
        if snapshot.view_settings.needs != view_settings.needs and not session.busy:
            update["status"] = (
                StatusPanel("error", missing)
                if missing
                else StatusPanel("idle", _stored_or_unread(run, view_settings))
            )
        return update

    def _snapshot(
        self,
        shown: Snapshot | None,
        run: Run | None,
        view_settings: ViewSettings,
        trace: Trace | None,
    ) -> Snapshot | None:
        engine = self._loader.engine
        if run is None or engine is None:
            # The stored example holds the divergences of one lens, metric and position.
            return shown and with_settings(shown, view_settings)
        divergence = cached_relevance(engine, run, view_settings, trace)
        if divergence is None:
            view_settings = plainer(view_settings)
            divergence = cached_relevance(engine, run, view_settings, trace)
        assert divergence is not None
        return snapshot_of(divergence, run, view_settings, self._labels)

    def panels(self, session: Session, trace: Trace | None = None) -> Update:
        """The panels that depend on the snapshot, the pin, the painted weights and the cell.

        Args:
            session: The visitor's session.
            trace: The trace of its run, while the request holds it; the kept one by default.
        """
        return self._panels.all(session.copy(), trace)

    def select(self, session: Session, layer: int, adapter: int) -> Update:
        """Selects a cell and explains it."""
        if not session.select(layer, adapter):
            return {}
        session = session.copy()
        return {**self._panels.explanation(session), **self._panels.tokens(session)}

    def paint(
        self,
        session: Session,
        layer: int,
        adapter: int,
        weight: float,
        scope: str,
        number: int | None = None,
        drag: int = 0,
    ) -> Update:
        """Paints cells with a weight; the arguments are those of `Session.paint`."""
        if not session.paint(layer, adapter, weight, scope, number, drag):
            return {}
        painted = session.what_if
        with session.painting:
            now = session.copy()
            if now.what_if is not painted:
                return {}  # a newer stroke draws this one, too
            assert now.snapshot is not None
            return {**self._panels.figures(now, now.snapshot), **self._panels.explanation(now)}

    def paint_preset(self, session: Session, index: int) -> Update:
        """Paints a preset."""
        return self._painted(session) if session.paint_preset(index) else {}

    def undo_painting(self, session: Session) -> Update:
        """Takes back the last stroke of the brush."""
        session.undo_painting()
        return self._painted(session)

    def reset_painting(self, session: Session) -> Update:
        """Resets the painted weights to those of the run."""
        session.reset_painting()
        return self._painted(session)

    def _painted(self, session: Session) -> Update:
        with session.painting:
            return self.panels(session)

    def pin(self, session: Session) -> Update:
        """Pins the shown snapshot for comparison, or unpins the pinned one."""
        session.pin(self._example.answers if self._example else None)
        return self.redraw(session)
