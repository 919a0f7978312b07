"""What happens when somebody asks: steps that yield what the page shows next.

Each generator yields dictionaries from a part of the page (`status`, `prompt`, `grid`, `answers`,
`busy`) to its new content, and knows nothing of components.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.errors import InputError
from analysis.methods import Reading, fuse, methods
from analysis.trace import MEAN
from app import painting, reading, views
from app.answers import Heading, Sheet
from app.loader import Loader
from app.look import Look
from app.looking import Looker
from app.session import Run, Session, Stopped
from app.turns import Turns
from app.watching import Done, Update, Updates, guarded, loaded, watched

if TYPE_CHECKING:
    from analysis.decoding import Sampling
    from analysis.engine import Engine
    from analysis.every import EveryToken
    from analysis.rows import Row


REFERENCE = "qa-flora"
MOST_ANSWERS = 6
"""As many answers as can be read side by side."""


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
            look: How the trace is looked at.
            asking: How it is to be answered.
            hear: Answer with the weights that are shown, too; otherwise only with painted ones.
        """
        ticket = session.begin()

        def steps() -> Updates:
            engine = yield from loaded(self._loader, session, ticket)
            prompt = engine.prompt(query)
            settings = asking()
            extra = painting.extra(session.painting, adapters, look.show, hear)
            _check_count(len(settings.methods) + sum(extra))
            traced = yield from watched(
                session,
                ticket,
                lambda progress: engine.trace(prompt, adapters, progress=progress),
            )
            before = session.run
            run = Run(ticket, query, traced.value)
            if before is not None and before.trace is run.trace:
                run.every.update(before.every)
            read = yield from self._read(engine, session, ticket, run, look)
            session.run = run
            yield self._looker.look(session, look)
            costs = (traced.said("traced"), read.said("read"))
            yield from self._answer(engine, session, ticket, run, settings, extra, costs)

        yield from guarded(session, ticket, self._turns, steps())

    def every_token(self, session: Session, look: Look) -> Updates:
        """Reads the divergence at every token of the run that is shown."""
        ticket = session.begin()

        def steps() -> Updates:
            engine = yield from loaded(self._loader, session, ticket)
            run = session.run
            if run is None:
                raise InputError("There is no run to look into yet: ask the question first.")
            read = yield from self._every(engine, session, ticket, run, look)
            shown = self._looker.look(session, look)
            took = f"{len(run.trace.prompt.ids)} tokens {read.said('read')}"
            yield {**shown, "status": views.status("done", "Done", 1.0, took)}

        yield from guarded(session, ticket, self._turns, steps())

    @staticmethod
    def lacks(session: Session, look: Look) -> bool:
        """Whether a look needs every token of the run, and they are not read yet."""
        run = session.run
        return run is not None and look.position == MEAN and look.reading not in run.every

    def _read(
        self, engine: Engine, session: Session, ticket: int, run: Run, look: Look
    ) -> Generator[Update, None, Done[Any]]:
        if look.position == MEAN:
            return (yield from self._every(engine, session, ticket, run, look))
        return (
            yield from watched(
                session, ticket, lambda progress: reading.read(engine, run.trace, look, progress)
            )
        )

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

    def _rows(
        self, engine: Engine, session: Session, run: Run, settings: Asking, extra: tuple[bool, bool]
    ) -> list[tuple[Row, Heading]]:
        """What is answered: the methods' rows, the painted one and the one that is shown."""
        trace = run.trace
        # The paper's rule at the paper's token; other settings are there to look at.
        paper = Reading(
            trace.adapters,
            trace.layers,
            lambda: engine.divergence(trace, settings.lens).values_LK,
        )
        # An adapter can be heard alone where it is not among those that are fused.
        alone = Reading(engine.adapters, trace.layers, paper.divergence)
        rows = [
            (fuse([name], alone if ":" in name else paper)[0], self._heading(name))
            for name in settings.methods
        ]
        painted, shown = extra
        if painted and session.painting is not None:
            rows.append(painting.painted_row(session.painting))
        if shown and session.picture is not None:
            rows.append(painting.shown_row(session.picture))
        return rows

    def _answer(
        self,
        engine: Engine,
        session: Session,
        ticket: int,
        run: Run,
        settings: Asking,
        extra: tuple[bool, bool],
        costs: tuple[str, ...],
    ) -> Updates:
        rows = self._rows(engine, session, run, settings, extra)
        if not rows:
            took = " · ".join(costs)
            yield {"status": views.status("done", "Done. No answer was asked for.", 1.0, took)}
            return
        steps = engine.answer(
            run.trace.prompt,
            [row for row, _ in rows],
            new_tokens=settings.new_tokens,
            sampling=settings.sampling,
        )
        names = [heading.name for _, heading in rows]
        reference = names.index(REFERENCE) if REFERENCE in names and len(rows) > 1 else None
        sheet = Sheet(ticket, [heading for _, heading in rows], reference)
        session.sheet, session.asked = sheet, settings
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
        took = " · ".join((*costs, sheet.cost))
        yield {"answers": sheet.view(), "status": views.status("done", "Done", 1.0, took)}

    def _heading(self, name: str) -> Heading:
        rule, _, adapter = name.partition(":")
        method = methods()[rule]
        if adapter:
            return Heading(name, f"{self._labels[adapter]} alone", method.summary)
        return Heading(name, method.label, method.summary)


def _check_count(answers: int) -> None:
    if answers > MOST_ANSWERS:
        raise InputError(
            f"{answers} answers are chosen, and at most {MOST_ANSWERS} fit side by side: take "
            f"{'one' if answers == MOST_ANSWERS + 1 else answers - MOST_ANSWERS} away. Your query "
            "and what is shown are kept."
        )
