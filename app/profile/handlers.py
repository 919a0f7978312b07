"""What each event of the Profile tab does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from analysis.common.errors import InputError
from analysis.measure.profile.queries import ListedQuery, queries_in, read_queries
from app.profile.layout import Layout
from app.profile.profile_link import OWN
from app.profile.profile_run import ProfileState
from app.profile.profile_service import KINDS, ProfileService, ProfileUpdate
from app.profile.query_lists import in_words, query_lists
from app.server.guard import guarded, text_of
from app.state.session import Session
from app.views.export_panel import ExportPanel
from app.widgets.panels import encode
from app.widgets.status import StatusPanel
from app.widgets.words.said import say

Data = Mapping[Any, Any]
Changes = dict[Any, Any]

_FILES = itertools.count(1)


@dataclass(frozen=True)
class Handlers:
    """The listeners. Each takes the values that it needs by component.

    Attributes:
        fault: What the tab says after a fault of ours.
        layout: The parts of the tab.
        service: Reads profiles.
        session: The component that holds the visitor's session of Explore.
        state: The component that holds the visitor's state of this tab.
    """

    fault: ClassVar[str] = say("The profile failed. The server log gives the reason.")

    layout: Layout
    service: ProfileService
    session: gr.State
    state: gr.State

    @property
    def outputs(self) -> list[Any]:
        """The components that a profile changes."""
        return [*self.layout.panels.values(), self.layout.stop]

    def failed(self, text: str) -> Changes:
        """A failure in the status line; everything else stays."""
        return {self.layout.panels["status"]: encode(StatusPanel("error", text))}

    @guarded
    def choose_list(self, name: str) -> Changes:
        """Shows the field of the own list, or what the chosen list has."""
        layout, lists = self.layout, query_lists()
        about = in_words(lists[name]) if name in lists else ""
        return {
            layout.listed: gr.update(info=about or "Typed here, pasted, or taken from a file."),
            layout.written: gr.Column(visible=not about),
        }

    def read(self, data: Data) -> Iterator[Changes]:
        """Reads the queries of the list."""
        state: ProfileState = data[self.state]
        session: Session = data[self.session]
        try:
            steps = self.service.read(
                state,
                self._queries(data),
                data[self.layout.adapters],
                session.copy().view_settings.trace_settings,
                self._most(data),
            )
        except Exception as error:
            # Nothing has begun: a profile that is being read can still be stopped.
            yield self.failed(text_of(error, self.fault))
            return
        try:
            with closing(steps) as updates:  # type: ignore[type-var]
                for update in updates:
                    yield self._changes(update)
        except Exception as error:
            busy = state.session.busy
            yield {**self.failed(text_of(error, self.fault)), **self._buttons(busy=busy)}

    def stop(self, data: Data) -> None:
        """Ends the reading at its next layer."""
        data[self.state].session.stop()

    @guarded
    def save(self, data: Data, event: gr.EventData) -> Changes:
        """Makes a file of the profile."""
        kind = event.kind if event.kind in KINDS else KINDS[0]
        file = self.service.file(data[self.state], kind)
        panel = ExportPanel(True, file=file, number=next(_FILES))
        return {self.layout.panels["file"]: encode(panel)}

    def _queries(self, data: Data) -> tuple[ListedQuery, ...]:
        name, lists = data[self.layout.listed], query_lists()
        if name in lists:
            return read_queries(lists[name].path)
        if name != OWN:
            raise InputError("There is no such list: choose another.")
        return queries_in(data[self.layout.own] or "")

    def _most(self, data: Data) -> int:
        most = data[self.layout.most]
        if most is None or most < 1:
            raise InputError(f"{most or 0} queries cannot be read: take at least 1.")
        return int(most)

    def _changes(self, update: ProfileUpdate) -> Changes:
        panels = self.layout.panels
        contents = {"status": update.status, "weights": update.weights, "rows": update.rows}
        changes: Changes = {
            panels[name]: encode(content) for name, content in contents.items() if content
        }
        if update.busy is not None:
            changes |= self._buttons(busy=update.busy)
        return changes or gr.skip()

    def _buttons(self, *, busy: bool) -> Changes:
        return {self.layout.stop: gr.Button(interactive=busy)}
