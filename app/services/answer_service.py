"""Answers a run: chooses the rows to decode, and streams their tokens to the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TypeAlias

from analysis.common.errors import InputError
from analysis.methods import fuse_available
from app.server.requests import run_with_progress
from app.services.updates import Update, Updates
from app.state.answer import Heading, Missing, heading_of, reference_among
from app.state.answer_stream import AnswerStream
from app.state.examples import Example
from app.state.painting.grid_answers import GridAnswers, painted_row, shown_row
from app.state.requests.page_requests import Stopped
from app.state.run import AnswerRecord, AnswerSettings, AnswerWeights, Run
from app.state.session import Session
from app.views.rule_weights_panel import rule_weights_panel
from app.widgets.status import StatusPanel
from app.widgets.text import fixed, listed
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.common.progress import Progress
    from analysis.engine import Engine
    from analysis.inference.decoding.steps import Token
    from analysis.inference.mixing.policy_weights import PolicyWeights
    from analysis.inference.mixing.rows import Row
    from analysis.measure.trace import Trace

MOST_ANSWERS = 6
"""The most answers that fit side by side."""

AnswerRow: TypeAlias = "tuple[Row, Heading]"
"""A row to decode, and the heading of its answer."""


def check_count(methods: Sequence[str], grid_answers: GridAnswers) -> None:
    """Refuses more answers than fit side by side.

    Args:
        methods: Names of the methods.
        grid_answers: The weights of the grid that answer too.

    Raises:
        InputError: There are too many answers.
    """
    labels = [f"“{label}”" for label in grid_answers.labels]
    count = len(methods) + len(labels)
    if count > MOST_ANSWERS:
        including = f" (including {listed(labels)})" if labels else ""
        raise InputError(
            f"You chose {count} answers{including}, but at most {MOST_ANSWERS} fit side by side: "
            f"take {count - MOST_ANSWERS} away under “Answers”. Your query and the grid are kept."
        )


def answer_rows(
    engine: Engine,
    session: Session,
    trace: Trace,
    settings: AnswerSettings,
    grid_answers: GridAnswers,
    labels: Mapping[str, str],
    progress: Progress | None = None,
) -> tuple[list[AnswerRow], tuple[Missing, ...]]:
    """The rows that answer a run: those of the methods, then those of the grid.

    A method that needs something that is not there has no row: its reason stands among the answers.

    Args:
        engine: Reads divergences.
        session: The visitor's session.
        trace: The trace of the run.
        settings: The answer settings.
        grid_answers: The weights of the grid that answer too.
        labels: The adapters' labels by name.
        progress: Told how far the methods are; an exception that it raises stops them.
    """
    weight_settings = settings.weight_settings(engine.settings)
    context = engine.context(trace, settings=weight_settings, progress=progress)
    fused, reasons = fuse_available(settings.methods, context) if settings.methods else ([], {})
    rows = [(row, heading_of(row.name, labels, weight_settings)) for row in fused]
    missing = tuple(Missing.of(heading_of(name, labels), str(reasons[name])) for name in reasons)
    session = session.copy()
    if grid_answers.painted and session.what_if is not None:
        rows.append(painted_row(session.what_if))
    if grid_answers.shown and session.snapshot is not None:
        rows.append(shown_row(session.snapshot))
    return rows, missing


def answer(
    engine: Engine,
    session: Session,
    run: Run,
    settings: AnswerSettings,
    rows: list[AnswerRow],
    missing: tuple[Missing, ...],
    costs: tuple[str, ...],
    labels: Mapping[str, str],
    example: Example | None = None,
) -> Updates:
    """Streams the answers to a run; only rows that have not answered it before are decoded.

    Args:
        engine: Decodes the answers.
        session: The visitor's session.
        run: The run.
        settings: The answer settings.
        rows: From `answer_rows`.
        missing: The methods that cannot answer, from there too.
        costs: The costs of the steps before, in words.
        labels: The adapters' labels by name.
        example: The example question that it is, which may know what is right.
    """
    from analysis.inference.decoding.kept_answers import AnswerRequest, KeptAnswer

    if not rows:
        detail = joined(" · ", costs)
        said = (
            say("Done. None of the selected methods can answer.")
            if missing
            else say("Done. No answer is selected.")
        )
        answers = AnswerStream(run.number, [], None, missing)
        answers.finish("done")
        status = StatusPanel("done", said, 1.0, detail)
        yield {"answers": answers.panel(), "status": status}
        return
    weight_settings = settings.weight_settings(engine.settings)
    asked = [
        AnswerRequest(run.prompt, row, settings.new_tokens, settings.sampling, weight_settings)
        for row, _ in rows
    ]
    kept = [engine.kept_answers.get(one) for one in asked]
    new = [place for place, one in enumerate(kept) if one is None]
    names = [heading.name for _, heading in rows]
    answer_stream = AnswerStream(
        run.number, [heading for _, heading in rows], reference_among(names), missing
    )
    for place, one in enumerate(kept):
        if one is not None:
            answer_stream.fill(place, one.tokens)
    steps = (
        engine.answer(
            run.prompt,
            [rows[place][0] for place in new],
            new_tokens=settings.new_tokens,
            sampling=settings.sampling,
        )
        if new
        else None
    )

    def weights() -> list[PolicyWeights]:
        fresh = iter(steps.policy_weights() if steps else ())
        return [one.weights if one else next(fresh) for one in kept]

    def record() -> AnswerRecord:
        each = zip(names, weights(), strict=True)
        return AnswerRecord(settings, tuple(AnswerWeights.of(*one) for one in each))

    session.show_answers(answer_stream, record())
    yield {"answers": answer_stream.panel(), "status": StatusPanel("working", say("Answering"))}
    decoded: list[list[Token]] = [[] for _ in new]

    def decode(progress: Progress) -> None:
        assert steps is not None
        with closing(steps):
            for step in steps:
                session.check(run.number)
                for token in step.tokens:
                    decoded[token.row].append(token)
                answer_stream.push(step, new)
                progress("answering", (step.index + 1) / settings.new_tokens)

    def new_tokens(what: str, share: float, _: float) -> Update:
        status = StatusPanel(
            "working", say("Answering"), share, fixed(answer_stream.speed, 1) + " tokens/s"
        )
        return {"answers": answer_stream.update(), "status": status}

    try:
        if new:
            assert steps is not None
            # Closed here, too, also where the visitor has gone: its thread may wait for its turn.
            with closing(steps):
                yield from run_with_progress(session, run.number, decode, new_tokens)
    except Stopped:
        answer_stream.finish("stopped")
        if session.finish_answers(answer_stream, record()):
            yield {"answers": answer_stream.panel()}
        raise
    had = weights()
    for place, tokens in zip(new, decoded, strict=True):
        engine.kept_answers.put(asked[place], KeptAnswer(tuple(tokens), had[place]))
    answer_stream.finish("done")
    if example is not None:
        answer_stream.judge(example.verdict)
    answered = record()
    session.finish_answers(answer_stream, answered)
    detail = joined(" · ", (*costs, answer_stream.cost))
    update: Update = {
        "answers": answer_stream.panel(),
        "status": StatusPanel("done", say("Done"), 1.0, detail),
    }
    if session.snapshot is not None:
        titles = {heading.name: heading.label for _, heading in rows}
        update["rule_weights"] = rule_weights_panel(
            run.number, answered.weights, titles, labels, session.snapshot.visible_layers
        )
    yield update
