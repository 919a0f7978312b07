"""Is it real? The weights of small variants of a question, and how far they spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from analysis.errors import InputError
from app import grids, views
from app.loader import Loader
from app.look import Look
from app.session import Session
from app.watching import Updates, guarded, loaded, watched

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.engine import Engine
    from analysis.progress import Progress


def probe(loader: Loader, session: Session, look: Look, lines: str) -> Updates:
    """Traces variants of the query that is shown.

    Args:
        loader: Has the engine.
        session: The visitor's.
        look: How weights are read.
        lines: One variant a line; where there is none, small changes of the query are offered.
    """
    ticket = session.begin()

    def steps() -> Updates:
        from analysis.spread import MOST_VARIANTS, spread, variants

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
            work = _weights(engine, run.trace.adapters, query, look, said)
            weights.append((yield from watched(session, ticket, work)))
        found = spread(weights)
        shown = grids.spread(picture, found, asked)
        yield {"spread": shown, "status": views.status("done", "Done", 1.0, shown["label"])}

    yield from guarded(session, ticket, steps())


def _weights(
    engine: Engine, adapters: Sequence[str], query: str, look: Look, said: str
) -> Callable[[Progress], Tensor]:
    def work(progress: Progress) -> Tensor:
        from analysis.weights import weigh

        def tell(what: str, share: float) -> None:
            progress(f"{said}: {what}", share)

        trace = engine.trace(query, adapters, progress=tell)
        reading = engine.divergence(trace, look.lens, look.position, look.metric, tell)
        return weigh(reading.values_LK, look.normalisation, look.temperature)

    return work
