"""What happens when somebody asks: steps that yield what the page shows next.

Each generator yields dictionaries from a part of the page (`status`, `prompt`, `grid`, `answers`,
`busy`) to its new content, and knows nothing of components.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.common.errors import InputError
from analysis.measure.trace import MEAN
from app.explore import divergences
from app.explore.answer_service import answer, check_count, chosen
from app.explore.view_service import ViewService
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.server.requests import (
    Outcome,
    Update,
    Updates,
    run_request,
    run_with_progress,
    wait_for_engine,
)
from app.state import answer_stream, what_if
from app.state.run import AnswerSettings, Run
from app.state.session import Session
from app.state.view_settings import ViewSettings
from app.widgets.status import status_view

if TYPE_CHECKING:
    from analysis.engine import Engine
    from analysis.measure.every_token import EveryToken


class QueryService:
    """Answers the page's requests with one engine.

    Args:
        loader: Has the engine, or will have it.
        request_queue: Says whose turn it is.
        labels: The adapters' labels by name.
        view_service: Shows what was traced.
    """

    def __init__(
        self,
        loader: Loader,
        request_queue: RequestQueue,
        labels: Mapping[str, str],
        view_service: ViewService,
    ) -> None:
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
            session: The visitor's.
            query: What is asked.
            adapters: Names of the adapters to trace.
            view_settings: How the trace is shown, unless the visitor changes that meanwhile.
            answer_settings: How it is to be answered.
            with_shown: Answer with the weights on the grid, too, not only with painted weights.
        """
        ticket = session.begin()
        session.view_settings = view_settings

        def steps() -> Updates:
            engine = yield from wait_for_engine(self._loader, session, ticket)
            prompt = engine.prompt(query)
            settings = answer_settings()
            extra = what_if.extra(session.what_if, adapters, view_settings.show, with_shown)
            check_count(settings.methods, extra)
            traced = yield from run_with_progress(
                session,
                ticket,
                lambda progress: engine.trace(prompt, adapters, progress=progress),
            )
            before = session.run
            run = Run(ticket, query, traced.value, settings, engine.computation)
            if before is not None and before.trace is run.trace:
                run.every_token.update(before.every_token)
            read = yield from self._read(engine, session, ticket, run)
            session.run = run
            # The answers to another question would be wrong below this one's grid.
            yield {**self._view_service.again(session), "answers": answer_stream.empty(ticket)}
            costs = (traced.said("traced"), read.said("read"))
            rows = chosen(engine, session, run, settings, extra, self._labels)
            yield from answer(engine, session, run, settings, rows, costs)

        yield from run_request(session, ticket, self._request_queue, steps())

    def every_token(self, session: Session) -> Updates:
        """Reads the divergence at every token of the run that is shown."""
        ticket = session.begin(gives_way=True)

        def steps() -> Updates:
            engine = yield from wait_for_engine(self._loader, session, ticket)
            run = session.run
            if run is None:
                raise InputError("There is no run to look into yet: ask the question first.")
            read = yield from self._every_token(engine, session, ticket, run, session.view_settings)
            shown = self._view_service.again(session)
            took = f"{len(run.trace.prompt.ids)} tokens {read.said('read')}"
            yield {**shown, "status": status_view("done", "Done", 1.0, took)}

        yield from run_request(session, ticket, self._request_queue, steps())

    def read_tokens_if_needed(self, session: Session) -> Updates:
        """Reads every token where what is wanted needs it, unless something runs that may not end.

        What runs is then `followed` by it.
        """
        if self.needs_every_token(session) and (session.gives_way or not session.busy):
            yield from self.every_token(session)

    def then_read_tokens(self, session: Session, steps: Updates) -> Updates:
        """A request's steps; once it is done, what the visitor has turned to meanwhile is read."""
        state = ""
        for changes in steps:
            state = changes["status"]["state"] if "status" in changes else state
            yield changes
        if state == "done":
            yield from self.read_tokens_if_needed(session)

    @staticmethod
    def needs_every_token(session: Session) -> bool:
        """Whether what is wanted needs every token of the run, and they are not read yet."""
        run, view_settings = session.run, session.view_settings
        return (
            run is not None
            and view_settings.position == MEAN
            and view_settings.reading not in run.every_token
        )

    def _read(
        self, engine: Engine, session: Session, ticket: int, run: Run
    ) -> Generator[Update, None, Outcome[Any]]:
        """Reads a run as the visitor wants it, also where that changes meanwhile."""
        while True:
            view_settings = session.view_settings
            done: Outcome[Any]
            if view_settings.position == MEAN:
                done = yield from self._every_token(engine, session, ticket, run, view_settings)
            else:
                work = partial(divergences.read, engine, run.trace, view_settings)
                done = yield from run_with_progress(session, ticket, work)
            if session.view_settings.needs == view_settings.needs:
                return done

    @staticmethod
    def _every_token(
        engine: Engine, session: Session, ticket: int, run: Run, view_settings: ViewSettings
    ) -> Generator[Update, None, Outcome[EveryToken]]:
        trace = run.trace
        done = yield from run_with_progress(
            session,
            ticket,
            lambda progress: engine.every_token(
                trace.prompt, trace.adapters, *view_settings.reading, progress
            ),
        )
        run.every_token[view_settings.reading] = done.value
        return done
