"""What happens when somebody asks: steps that yield what the page shows next.

Each generator yields dictionaries from a part of the page (`status`, `prompt`, `grid`, `answers`,
`busy`) to its new content, and knows nothing of components.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.errors import InputError
from analysis.methods import Reading, fuse, methods
from app import painting, views
from app.answers import Heading, Sheet
from app.loader import Loader
from app.look import Look
from app.looking import Looker
from app.session import Run, Session, Stopped
from app.watching import Updates, guarded, loaded, watched

if TYPE_CHECKING:
    from analysis.decoding import Sampling
    from analysis.engine import Engine


REFERENCE = "qa-flora"


@dataclass(frozen=True)
class Asking:
    """How a query is to be answered.

    Attributes:
        methods: Names of the methods, as `analysis.methods.fuse` takes them.
        new_tokens: The longest an answer may get.
        sampling: How tokens are chosen.
        lens: The lens that methods read divergences through.
    """

    methods: tuple[str, ...]
    new_tokens: int
    sampling: Sampling
    lens: str


class Asker:
    """Answers the page's requests with one engine.

    Args:
        loader: Has the engine, or will have it.
        labels: The adapters' labels by name.
        looker: Shows what was traced.
    """

    def __init__(self, loader: Loader, labels: Mapping[str, str], looker: Looker) -> None:
        self._loader = loader
        self._labels = labels
        self._looker = looker

    def ask(
        self,
        session: Session,
        query: str,
        adapters: Sequence[str],
        look: Look,
        asking: Callable[[], Asking],
    ) -> Updates:
        """Traces a query, shows the grid, and streams the answers."""
        ticket = session.begin()

        def steps() -> Updates:
            engine = yield from loaded(self._loader, session, ticket)
            prompt = engine.prompt(query)
            settings = asking()
            trace = yield from watched(
                session,
                ticket,
                lambda progress: engine.trace(prompt, adapters, progress=progress),
            )
            run = Run(ticket, query, trace)
            yield from watched(
                session,
                ticket,
                lambda progress: engine.divergence(
                    trace, look.lens, look.position, look.metric, progress
                ),
            )
            session.run = run
            shown = self._looker.look(session, look)
            yield {"prompt": views.prompt(trace.prompt), **shown}
            yield from self._answer(engine, session, ticket, run, settings)

        yield from guarded(session, ticket, steps())

    def every_token(self, session: Session, look: Look) -> Updates:
        """Reads the divergence at every token of the run that is shown."""
        ticket = session.begin()

        def steps() -> Updates:
            engine = yield from loaded(self._loader, session, ticket)
            if session.run is None:
                raise InputError("There is no run to look into yet: ask the question first.")
            trace = session.run.trace
            began = time.perf_counter()
            session.tokens = yield from watched(
                session,
                ticket,
                lambda progress: engine.every_token(
                    trace.prompt, trace.adapters, look.lens, look.metric, progress
                ),
            )
            took = f"{len(trace.prompt.ids)} tokens in {time.perf_counter() - began:.1f} s"
            shown = self._looker.tokens(session)
            yield {**shown, "status": views.status("done", "Done", 1.0, took)}

        yield from guarded(session, ticket, steps())

    def _answer(
        self,
        engine: Engine,
        session: Session,
        ticket: int,
        run: Run,
        settings: Asking,
    ) -> Updates:
        if not settings.methods:
            seconds = f"tracing {run.trace.seconds:.1f} s"
            yield {"status": views.status("done", "Done. No answer was asked for.", 1.0, seconds)}
            return
        # The paper's rule at the paper's token; other settings are there to look at.
        reading = Reading(
            run.trace.adapters,
            run.trace.layers,
            lambda: engine.divergence(run.trace, settings.lens).values_LK,
        )
        names = list(settings.methods)
        rows = fuse(names, reading)
        if session.painting is not None and session.painting.touched:
            rows.append(session.painting.row())
            names.append(painting.NAME)
        steps = engine.answer(
            run.trace.prompt, rows, new_tokens=settings.new_tokens, sampling=settings.sampling
        )
        reference = names.index(REFERENCE) if REFERENCE in names and len(names) > 1 else None
        sheet = Sheet(ticket, [self._heading(name) for name in names], reference)
        session.sheet = sheet
        yield {"answers": sheet.view(), "status": views.status("working", "Answering")}
        try:
            for step in steps:
                sheet.push(step)
                session.check(ticket)
                share = (step.index + 1) / settings.new_tokens
                said = f"{sheet.speed:.1f} tokens/s"
                yield {
                    "answers": sheet.view(),
                    "status": views.status("working", "Answering", share, said),
                }
        except Stopped:
            sheet.finish("stopped")
            yield {"answers": sheet.view()}
            raise
        finally:
            steps.close()  # type: ignore[attr-defined]
        sheet.finish("done")
        seconds = (
            f"traced in {run.trace.seconds:.1f} s · {sheet.tokens} tokens at {sheet.speed:.1f}/s"
        )
        yield {"answers": sheet.view(), "status": views.status("done", "Done", 1.0, seconds)}

    def _heading(self, name: str) -> Heading:
        if name == painting.NAME:
            return Heading(name, "What if", "The weights that you painted.")
        rule, _, adapter = name.partition(":")
        method = methods()[rule]
        if adapter:
            return Heading(name, f"{self._labels[adapter]} alone", method.summary)
        return Heading(name, method.label, method.summary)
