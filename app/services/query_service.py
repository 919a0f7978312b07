"""Serves questions: traces the query, shows the grid, streams the answers, reads every token.

Each request is a generator of updates of the page. It does not know the page's components.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.server.requests import (
    RequestUpdate,
    WorkResult,
    run_with_engine,
    run_with_progress,
)
from app.services import divergences
from app.services.answer_service import answer, answer_rows, check_count
from app.services.updates import Updates
from app.services.view_service import ViewService
from app.state.answers_panel import AnswersPanel
from app.state.examples import Example, example_of, owner_of
from app.state.painting.grid_answers import GridAnswers
from app.state.run import AnswerSettings, Run
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.views.charts_panel import ChartsPanel
from app.views.parting_panel import PartingPanel
from app.widgets.status import StatusPanel
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.common.progress import Progress
    from analysis.engine import Engine
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

        def steps(engine: Engine) -> Updates:
            from analysis.measure.relevance.shortlist import LONGEST, Shortlist

            owner = owner_of(self._examples, query, session.owner)
            prompt = engine.prompt(query, owner=owner)
            settings = answer_settings()
            grid_answers = GridAnswers.of(session.what_if, adapters, view_settings.show, with_shown)
            check_count(settings.methods, grid_answers)
            shortlist = Shortlist(tuple(adapters))
            if len(adapters) > LONGEST:
                chosen = yield from run_with_progress(
                    session,
                    ticket,
                    lambda progress: engine.shortlist(
                        prompt, adapters, settings=view_settings.trace_settings, progress=progress
                    ),
                )
                shortlist = chosen.value
            traced = yield from run_with_progress(
                session,
                ticket,
                lambda progress: engine.trace(prompt, shortlist.adapters, progress=progress),
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
                left_out=shortlist.left_out,
            )
            read = yield from self._read(engine, session, ticket, trace)
            places = len(session.view_settings.kept_positions)
            plain = session.view_settings.plain
            if places and plain and not (traced.cached or read.cached):
                # The pass is the same; the head then reads each token, not these places only.
                seconds = traced.seconds + read.seconds / places * len(prompt.ids)
                run = replace(run, every_token_seconds=seconds)
            # The page must not show the answers of the question before below the new grid.
            yield {
                **self._view_service.show_run(session, run, trace),
                "answers": AnswersPanel.empty(ticket),
                "parting": PartingPanel.empty(),
                "rule_weights": ChartsPanel.empty(),
            }
            costs = (traced.cost(say("trace")), read.cost(say("divergence")))
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

        yield from run_with_engine(self._loader, self._request_queue, session, ticket, steps)

    def every_token(self, session: Session, ticket: int | None = None) -> Updates:
        """Reads the divergence at every token of the run that is shown.

        Args:
            session: The visitor's session.
            ticket: Number of the request; one that begins now by default.
        """

        def read(engine: Engine, run: Run, settings: ViewSettings, told: Progress) -> object:
            return engine.every_token(run.prompt, run.adapters, *settings.lens_and_metric, told)

        yield from self._read_shown(
            session,
            ticket,
            read,
            lambda run: say("divergence at {count} tokens", count=len(run.prompt.ids)),
        )

    def relevance(self, session: Session, ticket: int | None = None) -> Updates:
        """Reads the relevance of the run that is shown, with the model; as `every_token`."""

        def read(engine: Engine, run: Run, settings: ViewSettings, told: Progress) -> object:
            return divergences.read(engine, run.trace, settings, told)

        yield from self._read_shown(session, ticket, read, lambda run: say("relevance"))

    def _read_shown(
        self,
        session: Session,
        ticket: int | None,
        read: Callable[[Engine, Run, ViewSettings, Progress], object],
        what: Callable[[Run], str],
    ) -> Updates:
        """Reads more of the run that is shown, which a change of view settings may end."""
        ticket = session.begin(gives_way=True) if ticket is None else ticket

        def steps(engine: Engine) -> Updates:
            run = session.run
            if run is None:
                raise InputError("The page has no run yet: ask a question first.")
            work = partial(read, engine, run, session.view_settings)
            done = yield from run_with_progress(session, ticket, work)
            status = StatusPanel("done", say("Done"), 1.0, done.cost(what(run)))
            yield {**self._view_service.redraw(session), "status": status}

        yield from run_with_engine(self._loader, self._request_queue, session, ticket, steps)

    def read_tokens_if_needed(self, session: Session) -> Updates:
        """Reads what the view settings need the model for, if no request runs that must finish.

        After such a request, `then_read_tokens` reads it.
        """
        if not self.needs_model(session):
            return
        # Looks and begins at once: a question that begins in between would be ended.
        ticket = session.begin_aside()
        if ticket is None:
            return
        if session.view_settings.reads_every_token:
            yield from self.every_token(session, ticket)
        else:
            yield from self.relevance(session, ticket)

    def then_read_tokens(self, session: Session, steps: Updates) -> Updates:
        """Runs a request, then reads what the view settings need the model for by then."""
        state = ""
        for changes in steps:
            state = changes["status"].state if "status" in changes else state
            yield changes
        if state == "done":
            yield from self.read_tokens_if_needed(session)

    def needs_model(self, session: Session) -> bool:
        """Whether the view settings need the model for the run, and it has not run for them yet."""
        now, engine = session.copy(), self._loader.engine
        run = now.run
        if run is None or engine is None:
            return False
        return divergences.needs_model(engine, run, now.view_settings)

    @staticmethod
    def _read(
        engine: Engine, session: Session, ticket: int, trace: Trace
    ) -> Generator[RequestUpdate, None, WorkResult[divergences.Read]]:
        """Reads a run under the newest view settings, which may change meanwhile."""
        while True:
            view_settings = session.view_settings
            work = partial(divergences.read, engine, trace, view_settings)
            done = yield from run_with_progress(session, ticket, work)
            if session.view_settings.needs == view_settings.needs:
                return done
