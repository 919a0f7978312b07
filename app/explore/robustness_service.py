"""Is it real? The weights of small variants of a question, and of copies of an adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.measure.trace import POSITIONS
from app.explore.divergences import read
from app.explore.view_service import same_numbers
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.server.requests import Updates, run_request, run_with_progress, wait_for_engine
from app.state.session import Session
from app.state.view_settings import ViewSettings
from app.views import robustness_views
from app.widgets.status import status_view

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from app.state.snapshot import Snapshot


def probe(loader: Loader, request_queue: RequestQueue, session: Session, lines: str) -> Updates:
    """Traces variants of the query that is shown, and reads them as it is read.

    Args:
        loader: Has the engine.
        request_queue: Says whose turn it is.
        session: The visitor's.
        lines: One variant a line; where there is none, small changes of the query are offered.
    """
    ticket = session.begin()

    def steps() -> Updates:
        from analysis.measure import robustness

        engine = yield from wait_for_engine(loader, session, ticket)
        run, snapshot = session.run, session.snapshot
        if run is None or snapshot is None:
            raise InputError("There is no run to check yet: ask the question first.")
        typed = list(dict.fromkeys(line for line in lines.splitlines() if line.strip()))
        if len(typed) > robustness.MAX_VARIANTS:
            raise InputError(
                f"{len(typed)} variants are given, and at most {robustness.MAX_VARIANTS} are "
                "traced: leave some out."
            )
        variants = [run.query, *typed] if typed else list(robustness.variants(run.query))
        weights = []
        for number, query in enumerate(variants, start=1):
            said = f"variant {number} of {len(variants)}"
            work = _weights(engine, run.trace.adapters, query, snapshot.view_settings, said)
            weights.append((yield from run_with_progress(session, ticket, work)))
        _still_shown(session, snapshot)
        found = robustness.weight_spread([done.value for done in weights])
        shown = robustness_views.spread(snapshot, found, variants)
        took = f"{len(variants)} variants in {sum(done.seconds for done in weights):.1f} s"
        yield {"spread": shown, "status": status_view("done", "Done", 1.0, took)}

    yield from run_request(session, ticket, request_queue, steps())


def copy(loader: Loader, request_queue: RequestQueue, session: Session) -> Updates:
    """Runs the selected adapter beside its zero, duplicate and doubled copies.

    Args:
        loader: Has the engine.
        request_queue: Says whose turn it is.
        session: The visitor's.
    """
    ticket = session.begin()

    def steps() -> Updates:
        from analysis.measure.control_copies import compare_copies

        engine = yield from wait_for_engine(loader, session, ticket)
        run, snapshot, cell = session.run, session.snapshot, session.cell
        if run is None or snapshot is None or cell is None:
            raise InputError("There is no run to check yet: ask the question first.")
        view_settings, adapter = snapshot.view_settings, snapshot.adapters[cell[1]]
        traced = yield from run_with_progress(
            session, ticket, lambda progress: engine.copies(run.trace, adapter, progress)
        )
        # A mean over all tokens would need every token of every copy: the last one shows the same.
        position = view_settings.position if view_settings.position in POSITIONS else "query"
        done = yield from run_with_progress(
            session,
            ticket,
            lambda progress: engine.divergence(
                traced.value, view_settings.lens, position, view_settings.metric, progress
            ),
        )
        _still_shown(session, snapshot)
        found = compare_copies(
            adapter, done.value, view_settings.normalisation, view_settings.temperature
        )
        took = f"{traced.said('traced')} · {done.said('read')}"
        yield {
            "copies": robustness_views.sanity(snapshot, found),
            "status": status_view("done", "Done", 1.0, took),
        }

    yield from run_request(session, ticket, request_queue, steps())


def _still_shown(session: Session, snapshot: Snapshot) -> None:
    if session.snapshot is None or not same_numbers(snapshot, session.snapshot):
        raise InputError("Other numbers are shown than when this began: try it again with these.")


def _weights(
    engine: Engine, adapters: Sequence[str], query: str, view_settings: ViewSettings, said: str
) -> Callable[[Progress], Tensor]:
    def work(progress: Progress) -> Tensor:
        from analysis.measure.normalisation import weigh

        def tell(what: str, share: float) -> None:
            progress(f"{said}: {what}", share)

        trace = engine.trace(query, adapters, progress=tell)
        reading = read(engine, trace, view_settings, tell)
        return weigh(reading.values_LK, view_settings.normalisation, view_settings.temperature)

    return work
