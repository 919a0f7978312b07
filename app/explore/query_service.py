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
from app.explore.view_service import Looker
from app.server.loader import Loader
from app.server.request_queue import Turns
from app.server.requests import Done, Update, Updates, guarded, loaded, watched
from app.state import answer_stream, what_if
from app.state.run import Asking, Run
from app.state.session import Session
from app.state.view_settings import Look
from app.widgets.status import status_view

if TYPE_CHECKING:
    from analysis.engine import Engine
    from analysis.measure.every_token import EveryToken


class Asker:
    """Answers the page's requests with one engine.

    Args:
        loader: Has the engine, or will have it.
        turns: Says whose turn it is.
        labels: The adapters' labels by name.
        looker: Shows what was traced.
    """

    def __init__(
        self, loader: Loader, turns: Turns, labels: Mapping[str, str], looker: Looker
    ) -> None:
        self._loader = loader
        self._turns = turns
        self._labels = labels
        self._looker = looker

    def ask(
        self,
        session: Session,
        query: str,
        adapters: Sequence[str],
        look: Look,
        asking: Callable[[], Asking],
        *,
        hear: bool = False,
    ) -> Updates:
        """Traces a query, shows the grid, and streams the answers.

        Args:
            session: The visitor's.
            query: What is asked.
            adapters: Names of the adapters to trace.
            look: How the trace is looked at, unless the visitor changes that before it is there.
            asking: How it is to be answered.
            hear: Answer with the weights that are shown, too; otherwise only with painted ones.
        """
        ticket = session.begin()
        session.look = look

        def steps() -> Updates:
            engine = yield from loaded(self._loader, session, ticket)
            prompt = engine.prompt(query)
            settings = asking()
            extra = what_if.extra(session.painting, adapters, look.show, hear)
            check_count(settings.methods, extra)
            traced = yield from watched(
                session,
                ticket,
                lambda progress: engine.trace(prompt, adapters, progress=progress),
            )
            before = session.run
            run = Run(ticket, query, traced.value, settings)
            if before is not None and before.trace is run.trace:
                run.every.update(before.every)
            read = yield from self._read(engine, session, ticket, run)
            session.run = run
            # The answers to another question would be wrong below this one's grid.
            yield {**self._looker.again(session), "answers": answer_stream.empty(ticket)}
            costs = (traced.said("traced"), read.said("read"))
            rows = chosen(engine, session, run, settings, extra, self._labels)
            yield from answer(engine, session, run, settings, rows, costs)

        yield from guarded(session, ticket, self._turns, steps())

    def every_token(self, session: Session) -> Updates:
        """Reads the divergence at every token of the run that is shown."""
        ticket = session.begin(gives_way=True)

        def steps() -> Updates:
            engine = yield from loaded(self._loader, session, ticket)
            run = session.run
            if run is None:
                raise InputError("There is no run to look into yet: ask the question first.")
            read = yield from self._every(engine, session, ticket, run, session.look)
            shown = self._looker.again(session)
            took = f"{len(run.trace.prompt.ids)} tokens {read.said('read')}"
            yield {**shown, "status": status_view("done", "Done", 1.0, took)}

        yield from guarded(session, ticket, self._turns, steps())

    def deepen(self, session: Session) -> Updates:
        """Reads every token where what is wanted needs it, unless something runs that may not end.

        What runs is then `followed` by it.
        """
        if self.lacks(session) and (session.gives_way or not session.busy):
            yield from self.every_token(session)

    def followed(self, session: Session, steps: Updates) -> Updates:
        """A request's steps; once it is done, what the visitor has turned to meanwhile is read."""
        state = ""
        for changes in steps:
            state = changes["status"]["state"] if "status" in changes else state
            yield changes
        if state == "done":
            yield from self.deepen(session)

    @staticmethod
    def lacks(session: Session) -> bool:
        """Whether what is wanted needs every token of the run, and they are not read yet."""
        run, look = session.run, session.look
        return run is not None and look.position == MEAN and look.reading not in run.every

    def _read(
        self, engine: Engine, session: Session, ticket: int, run: Run
    ) -> Generator[Update, None, Done[Any]]:
        """Reads a run as the visitor wants it, also where that changes meanwhile."""
        while True:
            look = session.look
            if look.position == MEAN:
                done = yield from self._every(engine, session, ticket, run, look)
            else:
                work = partial(divergences.read, engine, run.trace, look)
                done = yield from watched(session, ticket, work)
            if session.look.needs == look.needs:
                return done

    @staticmethod
    def _every(
        engine: Engine, session: Session, ticket: int, run: Run, look: Look
    ) -> Generator[Update, None, Done[EveryToken]]:
        trace = run.trace
        done = yield from watched(
            session,
            ticket,
            lambda progress: engine.every_token(
                trace.prompt, trace.adapters, *look.reading, progress
            ),
        )
        run.every[look.reading] = done.value
        return done
