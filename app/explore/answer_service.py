"""How answers come about: which rows are decoded, and what the page shows meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TypeAlias

from analysis.common.errors import InputError
from analysis.methods import fuse, methods
from app.server.requests import Update, Updates, run_with_progress
from app.state import what_if
from app.state.answer_stream import AnswerStream, Heading
from app.state.run import AnswerRecord, AnswerSettings, AnswerWeights, Run
from app.state.session import Session, Stopped
from app.widgets.status import status_view
from app.widgets.text import listed

if TYPE_CHECKING:
    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from analysis.inference.mixing.rows import Row

REFERENCE = "qa-flora"
MOST_ANSWERS = 6
"""As many answers as can be read side by side."""


Answered: TypeAlias = "tuple[Row, Heading]"
"""A row that is decoded, and what stands above its answer."""


def check_count(chosen: Sequence[str], extra: tuple[bool, bool]) -> None:
    """Refuses more answers than can be read side by side.

    Args:
        chosen: Names of the methods.
        extra: From `painting.extra`.

    Raises:
        InputError: There are too many.
    """
    labels = (what_if.LABEL, what_if.SHOWN_LABEL)
    more = [f"“{label}”" for label, there in zip(labels, extra, strict=True) if there]
    answers = len(chosen) + len(more)
    if answers > MOST_ANSWERS:
        among = f", {listed(more)} among them," if more else ""
        raise InputError(
            f"{answers} answers are chosen{among} and at most {MOST_ANSWERS} fit side by side: "
            f"untick {'one' if answers == MOST_ANSWERS + 1 else answers - MOST_ANSWERS} under "
            "“Answers”. Your query and what is shown are kept."
        )


def chosen(
    engine: Engine,
    session: Session,
    run: Run,
    settings: AnswerSettings,
    extra: tuple[bool, bool],
    labels: Mapping[str, str],
) -> list[Answered]:
    """What is answered: the methods' rows, the painted one and the one that is shown.

    Args:
        engine: Reads divergences.
        session: The visitor's.
        run: What was traced.
        settings: How it is to be answered.
        extra: From `painting.extra`.
        labels: The adapters' labels by name.
    """
    # The paper's rule at the paper's token, whatever other settings the grid shows.
    context = engine.context(run.trace, lens=settings.lens)
    fused = fuse(settings.methods, context) if settings.methods else []
    rows = [(row, _heading(row.name, labels)) for row in fused]
    painted, shown = extra
    if painted and session.what_if is not None:
        rows.append(what_if.painted_row(session.what_if))
    if shown and session.snapshot is not None:
        rows.append(what_if.shown_row(session.snapshot))
    return rows


def answer(
    engine: Engine,
    session: Session,
    run: Run,
    settings: AnswerSettings,
    rows: list[Answered],
    costs: tuple[str, ...],
) -> Updates:
    """Streams the answers to a run.

    Args:
        engine: Decodes them.
        session: The visitor's.
        run: What was traced.
        settings: How it is to be answered.
        rows: From `chosen`.
        costs: What was done before, and what it took.
    """
    if not rows:
        took = " · ".join(costs)
        yield {"status": status_view("done", "Done. No answer was asked for.", 1.0, took)}
        return
    steps = engine.answer(
        run.trace.prompt,
        [row for row, _ in rows],
        new_tokens=settings.new_tokens,
        sampling=settings.sampling,
    )
    names = [heading.name for _, heading in rows]
    # Without qa-FLoRA's, the others are compared with the first.
    reference = names.index(REFERENCE) if REFERENCE in names else 0
    answer_stream = AnswerStream(run.number, [heading for _, heading in rows], reference)
    session.answer_stream = answer_stream
    names_of_rows = [row.name for row, _ in rows]

    def record() -> AnswerRecord:
        found = zip(names_of_rows, steps.policy_weights(), strict=True)
        return AnswerRecord(settings, tuple(AnswerWeights.of(*one) for one in found))

    session.answer_record = record()
    yield {"answers": answer_stream.view(), "status": status_view("working", "Answering")}

    def decode(progress: Progress) -> None:
        with closing(steps):
            for step in steps:
                session.check(run.number)
                answer_stream.push(step)
                progress("answering", (step.index + 1) / settings.new_tokens)

    def grown(what: str, share: float, _: float) -> Update:
        said = status_view("working", "Answering", share, f"{answer_stream.speed:.1f} tokens/s")
        return {"answers": answer_stream.news(), "status": said}

    try:
        yield from run_with_progress(session, run.number, decode, grown)
    except Stopped:
        answer_stream.finish("stopped")
        session.answer_record = record()
        if session.run is run:  # nothing newer is shown
            yield {"answers": answer_stream.view()}
        raise
    answer_stream.finish("done")
    session.answer_record = record()
    took = " · ".join((*costs, answer_stream.cost))
    yield {"answers": answer_stream.view(), "status": status_view("done", "Done", 1.0, took)}


def _heading(name: str, labels: Mapping[str, str]) -> Heading:
    rule, _, adapter = name.partition(":")
    method = methods()[rule]
    if adapter:
        return Heading(name, f"{labels[adapter]} alone", method.summary)
    return Heading(name, method.label, method.summary)
