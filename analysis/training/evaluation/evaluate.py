"""The evaluation of adapters: losses on dev sets, own scores, and scores by weight."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.benchmark.statistics import Share
from analysis.engine import Engine
from analysis.models.collection import Collection
from analysis.training.evaluation.dev_sets import DevSet, OwnScore, dev_sets, own_scores
from analysis.training.evaluation.results import AdapterScore, CurvePoint, Evaluation, SetLosses
from analysis.training.evaluation.subject import Subject, SubjectRunner
from analysis.training.texts.examples import TextExample

CURVE = (0.25, 0.5, 0.75, 1.0, 1.5)


def evaluate(
    collection: Collection,
    data: Path,
    log: Callable[[str], None],
    rows: int = 100,
    problems: int = 100,
    own_only: bool = False,
    dtype: str = "float32",
    device: str | None = None,
) -> Evaluation:
    """Measures a collection's adapters.

    Args:
        collection: Its adapters, whose `kind` and `tag` say which files and scores are theirs.
        data: Folder of the dev files, named after adapters; see `dev_sets`.
        log: Takes a line of progress.
        rows: The most rows of each dev file.
        problems: Held-out one-step word problems.
        own_only: Score only the base and the adapter that a score belongs to.
        dtype: Precision of base and adapters, one of `base_model.DTYPES`.
        device: Device of the base; the GPUs where there are any, if None.

    Raises:
        InputError: The collection or the data cannot be used.
    """
    began = time.monotonic()
    names = list(collection.names)
    sets = dev_sets(data, collection.adapters, rows, log)
    scores = own_scores(sets, collection.adapters, problems, rows)
    engine = Engine.load(collection, dtype=dtype, device=device)
    runner = SubjectRunner(engine)
    subjects = [Subject(), *(Subject(name) for name in names)]

    set_losses = []
    for found in sets:
        losses = {subject.name: _loss(runner, subject, found.rows) for subject in subjects}
        set_losses.append(_set_losses(found, losses))
        log(f"loss on {found.name}: {_line(losses)}")
    own: list[AdapterScore] = []
    curves: dict[str, tuple[CurvePoint, ...]] = {}
    for score in scores:
        measured = [
            subject
            for subject in subjects
            if not own_only or subject.name in ("base", score.adapter)
        ]
        shares = {subject.name: score.score(runner, subject) for subject in measured}
        own.append(AdapterScore(score.adapter, score.counted, shares))
        log(f"{score.counted}: {_line({name: one.value for name, one in shares.items()})}")
        rows_of_own = [
            row for found in sets if found.adapter == score.adapter for row in found.rows
        ]
        curve = _curve(runner, score, rows_of_own, shares[score.adapter])
        curves[score.adapter] = curve
        by_weight = {str(point.weight): point.score.value for point in curve}
        log(f"{score.adapter} by weight: {_line(by_weight)}")
    return Evaluation(
        collection=collection.name,
        base=collection.base.title,
        dtype=engine.computation.dtype,
        rows=rows,
        delta_norms={name: engine.facts.delta_norm(name) for name in names},
        sets=tuple(set_losses),
        scores=tuple(own),
        curves=curves,
        seconds=round(time.monotonic() - began, 1),
    )


def _loss(runner: SubjectRunner, subject: Subject, examples: Sequence[TextExample]) -> float:
    found = runner.losses(subject, examples)
    return sum(loss for loss, _ in found) / max(1, sum(tokens for _, tokens in found))


def _set_losses(found: DevSet, losses: dict[str, float]) -> SetLosses:
    adapters = [name for name in losses if name != "base"]
    return SetLosses(
        name=found.name,
        own=found.adapter,
        rows=len(found.rows),
        losses=losses,
        lower_by=1 - losses[found.adapter] / losses["base"],
        best=min(adapters, key=lambda name: losses[name]),
    )


def _curve(
    runner: SubjectRunner, score: OwnScore, examples: Sequence[TextExample], at_one: Share
) -> tuple[CurvePoint, ...]:
    points = []
    for weight in CURVE:
        subject = Subject(score.adapter, weight)
        found = at_one if weight == 1.0 else score.score(runner, subject)
        loss = _loss(runner, subject, examples) if examples else None
        points.append(CurvePoint(weight, found, loss))
    return tuple(points)


def _line(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())
