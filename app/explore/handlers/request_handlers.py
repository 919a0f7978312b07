"""Requests of the Explore tab: they run the model and wait in the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import gradio as gr

from app.explore import controls
from app.explore.controls import Data, Values
from app.explore.handlers.tab_handlers import TabHandlers
from app.explore.page_updates import Changes
from app.server.guard import text_of
from app.services.parting_service import show_parting
from app.services.robustness_service import check_copies, check_variants
from app.services.updates import Updates
from app.state.examples import Example, example_of
from app.state.session import Session
from app.state.settings.view_settings import TOKEN


@dataclass(frozen=True)
class RequestHandlers(TabHandlers):
    """The listeners that run the model.

    Attributes:
        examples: The example questions.
    """

    examples: Sequence[Example]

    def _stream(self, session: Session, begin: Callable[[], Updates]) -> Iterator[Changes]:
        """Runs a request; whatever fails on its way to the page ends it with a message."""
        try:
            # Closed at once, so that the buttons below are those after the request.
            with closing(self.context.query_service.then_read_tokens(session, begin())) as updates:
                for update in updates:
                    yield self.page.changes(session, update, of_request=True)
        except Exception as error:
            yield {**self.failed(text_of(error, self.fault)), **self.page.buttons(session)}

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
        pin, show = session.take_pin()
        if session.linked.waits and pin is not None:
            yield from self._pin_linked(session, pin)
            if session.busy:
                session.take_query()  # what the visitor has asked meanwhile goes first
        if not session.take_query():
            yield gr.skip()
            return
        if show and session.pinned is not None:
            values = {**values, "show": show}
            session.change_settings(controls.view_settings_of(values))
            yield self.page.pin_changes(session)
        yield from self._ask(session, values)

    def _pin_linked(self, session: Session, values: Values) -> Iterator[Changes]:
        """Asks and pins the run that a permalink holds beside its own."""
        if session.pinned is not None:
            session.pin()  # the pin of the page makes way
        before = session.run
        yield from self._ask(session, values)
        run = session.run
        if run is not None and run is not before and run.query == values["query"]:
            update = self.context.view_service.pin(session)
            yield self.page.changes(session, update) | self.page.pin_changes(session)

    def _ask(
        self, session: Session, values: Values, *, with_shown: bool = False
    ) -> Iterator[Changes]:
        run = session.run
        if run is not None and run.query != values["query"] and TOKEN.fullmatch(values["position"]):
            # The token of a question is none of the next.
            values = {**values, "position": self.context.collection.position}
            yield self.page.position_changes(values["position"])

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

    def show_parting(self, data: Data, event: gr.EventData) -> Iterator[Changes]:
        """Shows what two answers would have said where they part."""
        session, _ = self._read(data)
        loader, request_queue = self.context.loader, self.context.request_queue
        name = str(event.name)
        yield gr.skip()  # without a first step, Gradio would empty the outputs
        yield from self._stream(session, lambda: show_parting(loader, request_queue, session, name))

    def stop(self, data: Data) -> None:
        """Ends the running request at its next step."""
        session, _ = self._read(data)
        session.stop()
