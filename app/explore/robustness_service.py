"""Is it real? The weights of small variants of a question, and of copies of an adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.measure.trace import POSITIONS
from app.explore.divergences import read
from app.explore.view_service import alike
from app.server.loader import Loader
from app.server.request_queue import Turns
from app.server.requests import Updates, guarded, loaded, watched
from app.state.session import Session
from app.state.view_settings import Look
from app.views import robustness
from app.widgets.status import status_view

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from app.state.snapshot import Picture


def probe(loader: Loader, turns: Turns, session: Session, lines: str) -> Updates:
    """Traces variants of the query that is shown, and reads them as it is read.

    Args:
        loader: Has the engine.
        turns: Says whose turn it is.
        session: The visitor's.
        lines: One variant a line; where there is none, small changes of the query are offered.
    """
    ticket = session.begin()

    def steps() -> Updates:
        from analysis.measure.robustness import MOST_VARIANTS, spread, variants

        engine = yield from loaded(loader, session, ticket)
        run, picture = session.run, session.picture
        if run is None or picture is None:
            raise InputError("There is no run to check yet: ask the question first.")
        typed = list(dict.fromkeys(line for line in lines.splitlines() if line.strip()))
        if len(typed) > MOST_VARIANTS:
            raise InputError(
                f"{len(typed)} variants are given, and at most {MOST_VARIANTS} are traced: "
                "leave some out."
            )
        asked = [run.query, *typed] if typed else list(variants(run.query))
        weights = []
        for number, query in enumerate(asked, start=1):
            said = f"variant {number} of {len(asked)}"
            work = _weights(engine, run.trace.adapters, query, picture.look, said)
            weights.append((yield from watched(session, ticket, work)))
        _still_shown(session, picture)
        shown = robustness.spread(picture, spread([done.value for done in weights]), asked)
        took = f"{len(asked)} variants in {sum(done.seconds for done in weights):.1f} s"
        yield {"spread": shown, "status": status_view("done", "Done", 1.0, took)}

    yield from guarded(session, ticket, turns, steps())


def copy(loader: Loader, turns: Turns, session: Session) -> Updates:
    """Runs the selected adapter beside its zero, duplicate and doubled copies.

    Args:
        loader: Has the engine.
        turns: Says whose turn it is.
        session: The visitor's.
    """
    ticket = session.begin()

    def steps() -> Updates:
        from analysis.measure.control_copies import compare

        engine = yield from loaded(loader, session, ticket)
        run, picture, cell = session.run, session.picture, session.cell
        if run is None or picture is None or cell is None:
            raise InputError("There is no run to check yet: ask the question first.")
        look, adapter = picture.look, picture.adapters[cell[1]]
        traced = yield from watched(
            session, ticket, lambda progress: engine.copies(run.trace, adapter, progress)
        )
        # A mean over all tokens would need every token of every copy: the last one shows the same.
        position = look.position if look.position in POSITIONS else "query"
        done = yield from watched(
            session,
            ticket,
            lambda progress: engine.divergence(
                traced.value, look.lens, position, look.metric, progress
            ),
        )
        _still_shown(session, picture)
        found = compare(adapter, done.value, look.normalisation, look.temperature)
        took = f"{traced.said('traced')} · {done.said('read')}"
        yield {
            "copies": robustness.sanity(picture, found),
            "status": status_view("done", "Done", 1.0, took),
        }

    yield from guarded(session, ticket, turns, steps())


def _still_shown(session: Session, picture: Picture) -> None:
    if session.picture is None or not alike(picture, session.picture):
        raise InputError("Other numbers are shown than when this began: try it again with these.")


def _weights(
    engine: Engine, adapters: Sequence[str], query: str, look: Look, said: str
) -> Callable[[Progress], Tensor]:
    def work(progress: Progress) -> Tensor:
        from analysis.measure.normalisation import weigh

        def tell(what: str, share: float) -> None:
            progress(f"{said}: {what}", share)

        trace = engine.trace(query, adapters, progress=tell)
        reading = read(engine, trace, look, tell)
        return weigh(reading.values_LK, look.normalisation, look.temperature)

    return work
