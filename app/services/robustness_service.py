"""Serves the robustness checks: variants of a question, and copies of an adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.measure.trace import POSITIONS
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.server.requests import run_with_engine, run_with_progress
from app.services.divergences import read
from app.services.updates import Updates
from app.services.view_service import same_numbers
from app.state.run import Check
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import frozen
from app.views import robustness_panels
from app.widgets.status import StatusPanel
from app.widgets.text import fixed
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from analysis.inference.prompt import Prompt
    from app.state.snapshot import Snapshot


def check_variants(
    loader: Loader, request_queue: RequestQueue, session: Session, lines: str
) -> Updates:
    """Traces variants of the query that the page shows, and compares their weights.

    Args:
        loader: Gives the engine once it is loaded.
        request_queue: The queue of all requests to the engine.
        session: The visitor's session.
        lines: One variant on each line; if empty, small changes of the query.
    """
    ticket = session.begin()

    def steps(engine: Engine) -> Updates:
        from analysis.measure.checks import robustness

        now = session.copy()
        run, snapshot = now.run, now.snapshot
        if run is None or snapshot is None:
            raise InputError("The page has no run to check yet: ask a question first.")
        if snapshot.view_settings.token is not None:
            raise InputError(
                "Other words have other tokens: read a last token or the mean before you compare "
                "variants."
            )
        typed = list(dict.fromkeys(line for line in lines.splitlines() if line.strip()))
        if len(typed) > robustness.MAX_VARIANTS:
            raise InputError(
                f"There are {len(typed)} variants, but at most {robustness.MAX_VARIANTS} are "
                "possible: remove some."
            )
        variants = [run.query, *typed] if typed else list(robustness.variants(run.query))
        weights = []
        for number, query in enumerate(variants, start=1):
            title = f"variant {number} of {len(variants)}"
            # Variants of an example are the visitor's own questions.
            same = query == run.query
            prompt = run.prompt if same else engine.prompt(query, owner=session.owner)
            work = _weights(engine, run.adapters, prompt, snapshot.view_settings, title)
            weights.append((yield from run_with_progress(session, ticket, work)))
        _check_unchanged(session, snapshot)
        spread = robustness.weight_spread([done.value for done in weights])
        numbers = {
            "mean": frozen(spread.mean_LK.tolist()),
            "deviation": frozen(spread.deviation_LK.tolist()),
            "within_noise": frozen(spread.within_noise_LK.tolist()),
        }
        facts = {"variants": variants}
        _keep(session, snapshot, Check("variants", snapshot.adapters, numbers, facts))
        seconds = fixed(sum(done.seconds for done in weights), 1)
        detail = say("{count} variants in {seconds} s", count=len(variants), seconds=seconds)
        yield {
            "variants": robustness_panels.variants_panel(snapshot, spread, variants),
            "status": StatusPanel("done", say("Done"), 1.0, detail),
        }

    yield from run_with_engine(loader, request_queue, session, ticket, steps)


def check_copies(loader: Loader, request_queue: RequestQueue, session: Session) -> Updates:
    """Runs the selected adapter beside its zero, duplicate and doubled copies.

    Args:
        loader: Gives the engine once it is loaded.
        request_queue: The queue of all requests to the engine.
        session: The visitor's session.
    """
    ticket = session.begin()

    def steps(engine: Engine) -> Updates:
        from analysis.measure.checks.control_copies import COPY_FACTORS, compare_copies

        now = session.copy()
        run, snapshot, cell = now.run, now.snapshot, now.cell
        if run is None or snapshot is None or cell is None:
            raise InputError("The page has no run to check yet: ask a question first.")
        view_settings, adapter = snapshot.view_settings, snapshot.adapters[cell[1]]
        traced = yield from run_with_progress(
            session, ticket, lambda progress: engine.copies(run.trace, adapter, progress)
        )
        # The mean over all tokens would need every token of every copy, so copies use the last one.
        position = view_settings.position if view_settings.position in POSITIONS else "query"
        done = yield from run_with_progress(
            session,
            ticket,
            lambda progress: engine.divergence(
                traced.value, view_settings.lens, position, view_settings.metric, progress
            ),
        )
        _check_unchanged(session, snapshot)
        comparison = compare_copies(
            adapter, done.value, view_settings.normalisation, view_settings.temperature
        )
        numbers = {
            "weight": frozen(comparison.weights_LC.tolist()),
            "divergence": frozen(comparison.divergence_LC.tolist()),
        }
        columns = (adapter, *COPY_FACTORS)
        facts = {"adapter": adapter, "read_at": position}
        _keep(session, snapshot, Check("copies", columns, numbers, facts))
        detail = joined(" · ", (traced.cost(say("trace")), done.cost(say("divergence"))))
        yield {
            "copies": robustness_panels.copies_panel(snapshot, comparison),
            "status": StatusPanel("done", say("Done"), 1.0, detail),
        }

    yield from run_with_engine(loader, request_queue, session, ticket, steps)


def _check_unchanged(session: Session, snapshot: Snapshot) -> None:
    if session.snapshot is None or not same_numbers(snapshot, session.snapshot):
        raise InputError(say("The grid changed while the check ran: check again."))


def _keep(session: Session, snapshot: Snapshot, check: Check) -> None:
    """Keeps a check for files, for the snapshot that is shown by now: it has the same numbers."""
    shown = session.snapshot
    if shown is not None and same_numbers(snapshot, shown):
        session.keep_check(shown, check)


def _weights(
    engine: Engine, adapters: Sequence[str], prompt: Prompt, view_settings: ViewSettings, title: str
) -> Callable[[Progress], Tensor]:
    def work(progress: Progress) -> Tensor:
        from analysis.measure.normalisation import weigh

        def tell(what: str, share: float) -> None:
            progress(f"{title}: {what}", share)

        trace = engine.trace(prompt, adapters, progress=tell)
        divergence = read(engine, trace, view_settings, tell)
        return weigh(divergence.values_LK, view_settings.normalisation, view_settings.temperature)

    return work
