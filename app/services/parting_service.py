"""Serves the comparison of two answers at the token where they part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.methods import fuse_available
from app.server.loader import Loader
from app.server.request_queue import RequestQueue
from app.server.requests import run_with_engine, run_with_progress
from app.services.updates import Updates
from app.state.run import AnswerRecord, AnswerWeights, Run
from app.state.session import Session
from app.views.parting_panel import parting_panel
from app.widgets.status import StatusPanel
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from analysis.inference.decoding.next_tokens import NextToken
    from analysis.inference.mixing.rows import Row

_MOST = 5


def show_parting(
    loader: Loader, request_queue: RequestQueue, session: Session, name: str
) -> Updates:
    """Runs two answers up to the token where they part, and shows what each would have said.

    Args:
        loader: Gives the engine once it is loaded.
        request_queue: The queue of all requests to the engine.
        session: The visitor's session.
        name: Name of the row whose answer is compared with the reference answer.
    """
    if session.busy:
        return  # the answers still grow, and the comparison must not end them
    ticket = session.begin(gives_way=True)

    def steps(engine: Engine) -> Updates:
        now = session.copy()
        run, answer_stream, record = now.run, now.answer_stream, now.answer_record
        if run is None or answer_stream is None or record is None:
            raise InputError("The page has no answers yet: ask a question first.")
        parting = answer_stream.parting(name)
        if parting is None:
            raise InputError("This answer is the same as the reference answer so far.")

        def work(progress: Progress) -> list[tuple[NextToken, ...]]:
            progress("comparing two answers", 0.0)
            weights = {one.name: one for one in record.weights}
            rows = [
                _row(engine, run, record, weights[heading.name], progress)
                for heading in parting.headings
            ]
            return engine.next_tokens(
                run.prompt, parting.said, rows, _MOST, parting.chosen, progress
            )

        done = yield from run_with_progress(session, ticket, work)
        yield {
            "parting": parting_panel(run.number, parting, done.value),
            "status": StatusPanel("done", say("Done"), 1.0, done.cost(say("two rows"))),
        }

    yield from run_with_engine(loader, request_queue, session, ticket, steps)


def _row(
    engine: Engine, run: Run, record: AnswerRecord, weights: AnswerWeights, progress: Progress
) -> Row:
    """The row behind an answer: its weights, or its rule where these depend on the token."""
    if weights.deviation is None:
        import torch

        from analysis.inference.mixing.policies import ConstantWeights
        from analysis.inference.mixing.rows import Row

        numbers = torch.tensor(weights.mean, dtype=torch.float64)
        return Row(weights.name, ConstantWeights(weights.adapters, numbers))
    reading = record.settings.weight_settings(engine.settings)
    context = engine.context(run.trace, settings=reading, progress=progress)
    rows, reasons = fuse_available([weights.name], context)
    if not rows:
        raise InputError(str(next(iter(reasons.values()))))
    return rows[0]
