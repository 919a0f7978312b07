"""What each event of the Explore tab does: it calls one service and returns the page's changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import gradio as gr

from app.explore import controls
from app.explore.controls import Data, Values
from app.explore.layout import Layout
from app.explore.page_updates import Changes, PageUpdates
from app.explore.permalinks import Permalinks
from app.export import files
from app.server.guard import guarded, text_of
from app.server.requests import FAILED
from app.services.robustness_service import check_copies, check_variants
from app.services.tabs import TabContext
from app.services.updates import Updates
from app.state import link_fields
from app.state.examples import Example, example_of
from app.state.session import Session
from app.views.export_panel import ExportPanel
from app.widgets.status import StatusPanel

# A panel ignores contents that equal the contents before: each file gets another number.
_FILE_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Handlers:
    """The listeners of the tab's events.

    Each takes the values by component, those of the session and of the controls that it needs.

    Attributes:
        fault: What the page says after a fault of ours.
        context: The shared parts of the page.
        layout: The parts of the tab.
        examples: The example questions.
        permalinks: Makes and opens links.
        page: Turns updates into changes of components.
    """

    fault: ClassVar[str] = FAILED

    context: TabContext
    layout: Layout
    examples: Sequence[Example]
    permalinks: Permalinks
    page: PageUpdates

    def _read(self, data: Data) -> tuple[Session, Values]:
        return data[self.context.session], self.layout.controls.values(data)

    def failed(self, text: str) -> Changes:
        """A failure in the status line; the page keeps everything else."""
        return self.page.message(StatusPanel("error", text))

    def _stream(self, session: Session, begin: Callable[[], Updates]) -> Iterator[Changes]:
        """Runs a request; whatever fails on its way to the page ends it with a message."""
        try:
            # Closed at once, so that the buttons below are those after the request.
            with closing(self.context.query_service.then_read_tokens(session, begin())) as updates:
                for update in updates:
                    yield self.page.changes(session, update)
        except Exception as error:
            yield {**self.failed(text_of(error, self.fault)), **self.page.buttons(session)}

    # Requests: they run the model and wait in the queue.

    def ask(self, data: Data) -> Iterator[Changes]:
        """Asks the question in the query box."""
        session, values = self._read(data)
        yield from self._ask(session, values)

    def answer_shown(self, data: Data) -> Iterator[Changes]:
        """Answers the question of the grid with the weights of the grid, too."""
        yield from self._answer_grid(data, with_shown=True)

    def answer_again(self, data: Data) -> Iterator[Changes]:
        """Answers the question of the grid again, with the settings of the grid."""
        yield from self._answer_grid(data, with_shown=False)

    def _answer_grid(self, data: Data, *, with_shown: bool) -> Iterator[Changes]:
        session, values = self._read(data)
        snapshot = session.snapshot
        if snapshot is None:
            yield gr.skip()
            return
        asked = {**values, "query": snapshot.query, "adapters": snapshot.adapters}
        yield from self._ask(session, asked, with_shown=with_shown)

    def ask_linked(self, data: Data) -> Iterator[Changes]:
        """Asks the query of the permalink that was opened, if it has one."""
        session, values = self._read(data)
        if session.take_linked():
            yield from self._ask(session, values)
        else:
            yield gr.skip()

    def _ask(
        self, session: Session, values: Values, *, with_shown: bool = False
    ) -> Iterator[Changes]:
        def begin() -> Updates:
            # In the collection's order, in whichever order they were ticked.
            adapters = [name for name in self.context.labels if name in values["adapters"]]
            return self.context.query_service.ask(
                session,
                values["query"],
                adapters,
                controls.view_settings_of(values),
                lambda: controls.answer_settings_of(values),
                with_shown=with_shown,
            )

        yield from self._stream(session, begin)

    def read_every_token(self, data: Data) -> Iterator[Changes]:
        """Reads the divergence at every token."""
        session, _ = self._read(data)
        yield from self._stream(session, lambda: self.context.query_service.every_token(session))

    def read_tokens_if_needed(self, data: Data) -> Iterator[Changes]:
        """Reads the divergence at every token if the view settings need it."""
        session, _ = self._read(data)
        yield gr.skip()  # without a first step, Gradio would empty the outputs
        service = self.context.query_service
        yield from self._stream(session, lambda: service.read_tokens_if_needed(session))

    def check_variants(self, data: Data) -> Iterator[Changes]:
        """Compares the weights of variants of the question."""
        session, values = self._read(data)
        loader, request_queue = self.context.loader, self.context.request_queue
        lines, snapshot = values["variants"] or "", session.snapshot
        if not lines.strip() and snapshot is not None:
            example = example_of(self.examples, snapshot.query)
            lines = "\n".join(example.variants) if example else ""
        yield from self._stream(
            session, lambda: check_variants(loader, request_queue, session, lines)
        )

    def check_copies(self, data: Data) -> Iterator[Changes]:
        """Compares the selected adapter with copies of it."""
        session, _ = self._read(data)
        loader, request_queue = self.context.loader, self.context.request_queue
        yield from self._stream(session, lambda: check_copies(loader, request_queue, session))

    def stop(self, data: Data) -> None:
        """Ends the running request at its next step."""
        session, _ = self._read(data)
        session.stop()

    # Views: they read what is there, and never run the model.

    @guarded
    def change_view(self, data: Data) -> Any:
        """Shows the run under the view settings of the controls."""
        session, values = self._read(data)
        now = session.copy()
        view_settings, fault = controls.view_settings_of(values), ""
        if now.snapshot is not None:
            view_settings, fault = view_settings.kept_span(now.view_settings, now.snapshot.layers)
        changes: Changes = {}
        if view_settings != now.view_settings:  # a text field may only lose the focus
            update = self.context.view_service.change_settings(session, view_settings)
            changes = self.page.changes(session, update)
        # Beside the field, in place of a range that cannot be used: the shown layers stay.
        return {**changes, self.layout.controls["layers"]: gr.update(info=fault)}

    @guarded
    def select_cell(self, data: Data, event: gr.EventData) -> Changes:
        """Selects a cell of the grid and explains it."""
        session, _ = self._read(data)
        update = self.context.view_service.select(session, int(event.layer), int(event.adapter))
        return self.page.changes(session, update) or gr.skip()

    @guarded
    def paint_cell(self, data: Data, event: gr.EventData) -> Changes:
        """Paints cells of the grid with the brush."""
        session, values = self._read(data)
        update = self.context.view_service.paint(
            session,
            int(event.layer),
            int(event.adapter),
            float(values["brush_weight"]),
            values["brush_scope"],
            int(event.stroke),
            int(event.drag),
        )
        return self.page.changes(session, update) or gr.skip()

    @guarded
    def paint_preset(self, data: Data, event: gr.EventData) -> Changes:
        """Paints a preset."""
        session, _ = self._read(data)
        update = self.context.view_service.paint_preset(session, int(event.index))
        return self.page.changes(session, update) or gr.skip()

    @guarded
    def undo_painting(self, data: Data) -> Changes:
        """Takes back the last stroke of the brush."""
        session, _ = self._read(data)
        update = self.context.view_service.undo_painting(session)
        return self.page.changes(session, update) or gr.skip()

    @guarded
    def reset_painting(self, data: Data) -> Changes:
        """Resets the painted weights."""
        session, _ = self._read(data)
        return (
            self.page.changes(session, self.context.view_service.reset_painting(session))
            or gr.skip()
        )

    @guarded
    def pin(self, data: Data) -> Changes:
        """Pins the shown run, or unpins the pinned one."""
        session, _ = self._read(data)
        changes = self.page.changes(session, self.context.view_service.pin(session))
        return changes | self.page.pin_changes(session)

    # Links, examples and files.

    @guarded
    def open_page(self, data: Data, request: gr.Request) -> Changes:
        """Opens the permalink in the page's address."""
        return self._open(data[self.context.session], request.query_params, new_page=True)

    @guarded
    def reopen_run(self, data: Data, event: gr.EventData) -> Changes:
        """Opens the permalink of a run in the history."""
        return self._open(data[self.context.session], link_fields.pairs(str(event.link)))

    def _open(
        self, session: Session, given: Mapping[str, str], *, new_page: bool = False
    ) -> Changes:
        values, update = self.permalinks.open(session, given, new_page=new_page)
        restored = self.layout.controls.components(values)
        return {**restored, **self.page.changes(session, update)} or gr.skip()

    @guarded
    def choose_example(self, data: Data, event: gr.EventData) -> Changes:
        """Sets query and adapters of an example question."""
        _, values = self._read(data)
        labels = self.context.labels
        example = self.examples[int(event.index) % len(self.examples)]
        return self.layout.controls.components(
            {
                "query": example.query,
                "adapters": example.among(list(labels)),
                "alone": controls.alone_for(example, values["alone"], labels),
            }
        )

    def select_all_adapters(self) -> list[str]:
        """Selects all adapters."""
        return list(self.context.labels)

    @guarded
    def export(self, data: Data, event: gr.EventData) -> Changes:
        """Makes a file for the browser to save."""
        session, _ = self._read(data)
        context = self.context
        panel = ExportPanel(ready=session.snapshot is not None)
        if panel.ready and event.kind in files.KINDS:
            file = files.export(event.kind, context.collection, session, context.stored_example)
            panel = replace(panel, file=file, number=next(_FILE_NUMBERS))
        return self.page.changes(session, {"export": panel})
