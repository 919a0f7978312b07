"""The listeners of the Learn tab's events."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import gradio as gr

from app.learn.layout import Layout
from app.learn.learn_panel import LearnPanel, News, RunNews
from app.learn.lesson_service import LessonService
from app.learn.qr_code import qr_rows
from app.server.guard import guarded, text_of
from app.services.view_service import ViewService
from app.state.session import Session
from app.state.settings.view_settings import SHOWN
from app.widgets.panels import encode
from app.widgets.status import StatusPanel
from app.widgets.words.said import say

Data = Mapping[Any, Any]
Changes = dict[Any, Any]

_NUMBERS = itertools.count(1)
# A click switches a cell on or off: students set their own weights without a brush.
_ON, _OFF = 1.0, 0.0


@dataclass(frozen=True)
class Handlers:
    """The listeners.

    Attributes:
        fault: What the tab says after a fault of ours.
        layout: The parts of the tab.
        service: Runs the lessons.
        view_service: Shows the runs.
        session: The component that holds the student's session in this tab.
    """

    fault: ClassVar[str] = say("The lesson could not go on. The server log gives the reason.")

    layout: Layout
    service: LessonService
    view_service: ViewService
    session: gr.State

    @property
    def outputs(self) -> list[Any]:
        """The components that a request may change."""
        return [*self.layout.parts.values(), self.layout.news]

    def failed(self, text: str) -> Changes:
        """A failure in the status line of the lesson."""
        parts = self.layout.parts
        return {parts["status"]: encode(StatusPanel("error", text))}

    def _changes(self, update: Mapping[str, object]) -> Changes:
        parts = self.layout.parts
        return {parts[name]: encode(value) for name, value in update.items() if name in parts}

    def _news(self, **what: Any) -> Changes:
        return {self.layout.news: encode(News(next(_NUMBERS), **what))}

    def open_tab(self) -> Changes:
        """Gives the lessons to the tab."""
        try:
            panel = self.service.panel()
        except Exception as error:
            panel = LearnPanel(fault=text_of(error, self.fault))
        return {self.layout.lesson: encode(panel)}

    def run(self, data: Data, event: gr.EventData) -> Iterator[Changes]:
        """Runs a lesson's question on the model."""
        session: Session = data[self.session]
        try:
            steps = self.service.run(
                session,
                str(event.lesson),
                str(event.query),
                str(event.ask),
                own_weights=bool(event.own),
            )
            with closing(steps) as updates:
                for update in updates:
                    if isinstance(update, RunNews):
                        yield self._news(run=update)
                    elif changes := self._changes(update):
                        yield changes
        except Exception as error:
            yield self.failed(text_of(error, self.fault))

    def stop(self, data: Data) -> None:
        """Ends the running request at its next step."""
        data[self.session].stop()

    @guarded
    def show(self, data: Data, event: gr.EventData) -> Changes:
        """Shows the run's weights, its divergence, or weights to set."""
        session: Session = data[self.session]
        settings = replace(session.copy().view_settings, show=str(event.show))
        known = settings.show in SHOWN
        update = self.view_service.change_settings(session, settings) if known else {}
        return self._changes(update) or gr.skip()

    @guarded
    def select_cell(self, data: Data, event: gr.EventData) -> Changes:
        """Explains a cell of the grid."""
        update = self.view_service.select(data[self.session], int(event.layer), int(event.adapter))
        return self._changes(update) or gr.skip()

    @guarded
    def switch_cell(self, data: Data, event: gr.EventData) -> Changes:
        """Switches a weight on or off."""
        session: Session = data[self.session]
        layer, adapter = int(event.layer), int(event.adapter)
        now = session.copy()
        weights = now.what_if.weights if now.what_if is not None else ()
        known = 0 <= layer < len(weights) and 0 <= adapter < len(weights[layer])
        weight = _OFF if known and weights[layer][adapter] == _ON else _ON
        update = self.view_service.paint(
            session, layer, adapter, weight, "cell", int(event.stroke), int(event.drag)
        )
        return self._painted(session, update)

    @guarded
    def paint_preset(self, data: Data, event: gr.EventData) -> Changes:
        """Sets the weights of a preset."""
        session: Session = data[self.session]
        return self._painted(session, self.view_service.paint_preset(session, int(event.index)))

    @guarded
    def undo(self, data: Data) -> Changes:
        """Takes back the last change of weights."""
        session: Session = data[self.session]
        return self._painted(session, self.view_service.undo_painting(session))

    @guarded
    def reset(self, data: Data) -> Changes:
        """Resets the weights to those of the run."""
        session: Session = data[self.session]
        return self._painted(session, self.view_service.reset_painting(session))

    def _painted(self, session: Session, update: Mapping[str, object]) -> Changes:
        painted = session.copy().what_if
        news = self._news(painted=painted is not None and painted.touched)
        return {**self._changes(update), **news}

    def draw_qr(self, event: gr.EventData) -> Changes:
        """Draws a link as a QR code."""
        try:
            return self._news(qr=qr_rows(str(event.link)))
        except Exception as error:
            return self._news(fault=text_of(error, self.fault))
