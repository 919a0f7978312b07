"""Serves questions: traces the query, shows the grid, streams the answers, reads every token.

Each request is a generator of updates of the page. It does not know the page's components.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.common.errors import InputError
from analysis.measure.trace import MEAN
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.server.requests import (
    Outcome,
    RequestUpdate,
    run_request,
    run_with_progress,
    wait_for_engine,
)
from app.services import divergences
from app.services.answer_service import answer, answer_rows, check_count
from app.services.updates import Updates
from app.services.view_service import ViewService
from app.state import what_if
from app.state.answers_panel import AnswersPanel
from app.state.examples import Example, example_of
from app.state.run import AnswerSettings, Run
from app.state.session import Session
from app.state.view_settings import ViewSettings
from app.views.charts_panel import ChartsPanel
from app.widgets.status import StatusPanel

if TYPE_CHECKING:
    from analysis.engine import Engine
    from analysis.measure.every_token import EveryToken
    from analysis.measure.trace import Trace


class QueryService:
    """Serves the questions of all visitors with one engine.

    Args:
        loader: Gives the engine once it is loaded.
        request_queue: The queue of all requests to the engine.
        labels: The adapters' labels by name.
        view_service: Shows the runs.
        examples: The example questions, which may know what is right.
    """

    def __init__(
        self,
        loader: Loader,
        request_queue: RequestQueue,
        labels: Mapping[str, str],
        view_service: ViewService,
        examples: Sequence[Example] = (),
    ) -> None:
        self._examples = examples
        self._loader = loader
        self._request_queue = request_queue
        self._labels = labels
        self._view_service = view_service

    def ask(
        self,
        session: Session,
        query: str,
        adapters: Sequence[str],
        view_settings: ViewSettings,
        answer_settings: Callable[[], AnswerSettings],
        *,
        with_shown: bool = False,
    ) -> Updates:
        """Traces a query, shows the grid, and streams the answers.

        Args:
            session: The visitor's session.
            query: The question.
            adapters: Names of the adapters to trace.
            view_settings: The view settings; the visitor may change them meanwhile.
            answer_settings: Gives the answer settings, which import torch.
            with_shown: Whether to answer with the weights that the grid shows, too.
        """
        ticket = session.begin(view_settings)

        def steps() -> Updates:
            engine = yield from wait_for_engine(self._loader, session, ticket)
            prompt = engine.prompt(query)
            settings = answer_settings()
            grid_answers = what_if.grid_answers(
                session.what_if, adapters, view_settings.show, with_shown
            )
            check_count(settings.methods, grid_answers)
            traced = yield from run_with_progress(
                session,
                ticket,
                lambda progress: engine.trace(prompt, adapters, progress=progress),
            )
            # Held until the request ends: the cache may refuse it, or push it out meanwhile.
            trace = traced.value
            run = Run(
                ticket,
                query,
                prompt,
                trace.adapters,
                settings,
                engine.computation,
                engine,
                too_large=engine.kept_trace(prompt, trace.adapters) is None,
            )
            read = yield from self._read(engine, session, ticket, run, trace)
            places = len(session.view_settings.kept_positions)
            if places and not (traced.cached or read.cached):
                # The pass is the same; the head then reads each token, not these places only.
                seconds = traced.seconds + read.seconds / places * len(prompt.ids)
                run = replace(run, every_token_seconds=seconds)
            # The page must not show the answers of the question before below the new grid.
            yield {
                **self._view_service.show_run(session, run, trace),
                "answers": AnswersPanel.empty(ticket),
                "rule_weights": ChartsPanel.empty(),
            }
            costs = (traced.cost("trace"), read.cost("divergence"))
            # A method may read divergences or run the model, so Stop must end it.
            fused = yield from run_with_progress(
                session,
                ticket,
                lambda progress: answer_rows(
                    engine, session, trace, settings, grid_answers, self._labels, progress
                ),
            )
            yield from answer(
                engine,
                session,
                run,
                settings,
                *fused.value,
                costs,
                self._labels,
                example_of(self._examples, query),
            )

        yield from run_request(session, ticket, self._request_queue, steps())

    def every_token(self, session: Session) -> Updates:
        """Reads the divergence at every token of the run that is shown."""
        ticket = session.begin(gives_way=True)

        def steps() -> Updates:
            engine = yield from wait_for_engine(self._loader, session, ticket)
            run = session.run
            if run is None:
                raise InputError("The page has no run yet: ask a question first.")
            read = yield from self._every_token(engine, session, ticket, run, session.view_settings)
            detail = read.cost(f"divergence at {len(run.prompt.ids)} tokens")
            status = StatusPanel("done", "Done", 1.0, detail)
            yield {**self._view_service.redraw(session), "status": status}

        yield from run_request(session, ticket, self._request_queue, steps())

    def read_tokens_if_needed(self, session: Session) -> Updates:
        """Reads every token if the view settings need it and no request runs that must finish.

        After such a request, `then_read_tokens` reads them.
        """
        if self.needs_every_token(session) and (session.gives_way or not session.busy):
            yield from self.every_token(session)

    def then_read_tokens(self, session: Session, steps: Updates) -> Updates:
        """Runs a request, then reads every token if the view settings need it by then."""
        state = ""
        for changes in steps:
            state = changes["status"].state if "status" in changes else state
            yield changes
        if state == "done":
            yield from self.read_tokens_if_needed(session)

    @staticmethod
    def needs_every_token(session: Session) -> bool:
        """Whether the view settings need every token of the run, and these are not read yet."""
        now = session.copy()
        run, view_settings = now.run, now.view_settings
        return (
            run is not None
            and view_settings.position == MEAN
            and run.every_token(*view_settings.reading) is None
        )

    def _read(
        self, engine: Engine, session: Session, ticket: int, run: Run, trace: Trace
    ) -> Generator[RequestUpdate, None, Outcome[Any]]:
        """Reads a run under the newest view settings, which may change meanwhile."""
        while True:
            view_settings = session.view_settings
            done: Outcome[Any]
            if view_settings.position == MEAN:
                done = yield from self._every_token(engine, session, ticket, run, view_settings)
            else:
                work = partial(divergences.read, engine, trace, view_settings)
                done = yield from run_with_progress(session, ticket, work)
            if session.view_settings.needs == view_settings.needs:
                return done

    @staticmethod
    def _every_token(
        engine: Engine, session: Session, ticket: int, run: Run, view_settings: ViewSettings
    ) -> Generator[RequestUpdate, None, Outcome[EveryToken]]:
        done = yield from run_with_progress(
            session,
            ticket,
            lambda progress: engine.every_token(
                run.prompt, run.adapters, *view_settings.reading, progress
            ),
        )
        return done
