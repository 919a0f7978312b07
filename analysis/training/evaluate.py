"""The proof: loss on every dev set, each adapter's own score, and its weight curve."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analysis.benchmark.statistics import Share, as_dict
from analysis.models.manifest import Collection
from analysis.training.batches import Example
from analysis.training.dev_sets import DevSet, OwnScore, dev_sets, encoder, own_scores
from analysis.training.subject import Runner, Subject

CURVE = (0.25, 0.5, 0.75, 1.0, 1.5)


def evaluate(
    collection: Collection,
    data: Path,
    say: Callable[[str], None],
    rows: int = 100,
    problems: int = 100,
    own_only: bool = False,
    dtype: str = "float32",
) -> dict[str, Any]:
    """Measure a collection's adapters.

    Args:
        collection: Its adapters are told apart by name (`math`, `spanish`, ...).
        data: The folder of the dev files.
        say: Takes a line of progress.
        rows: At most so many rows of each dev file.
        problems: Held-out one-step word problems.
        own_only: Score only the base and the adapter that a score belongs to, not the others.
        dtype: Of base and adapters, one of `analysis.models.base_model.DTYPES`.

    Returns:
        `losses` (set → subject → loss per answer token), `scores` (adapter → subject → share) and
        `curves` (adapter → its score and loss at each weight).

    Raises:
        InputError: The collection or the data cannot be used.
    """
    began = time.monotonic()
    names = [entry.name for entry in collection.adapters]
    sets = dev_sets(data, names, rows)
    scores = own_scores(sets, names, problems)
    runner = Runner(collection, dtype)
    encode = encoder(runner, collection.prompt.form if collection.prompt else None)
    examples = {found.name: [encode(row) for row in found.rows] for found in sets}
    subjects = [Subject(), *(Subject(name) for name in names)]

    losses: dict[str, Any] = {}
    for found in sets:
        by_name = {one.name: _loss(runner, one, examples[found.name]) for one in subjects}
        losses[found.name] = _summary(found, by_name)
        say(f"loss on {found.name}: " + _line(by_name))
    results: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    for score in scores:
        measured = [one for one in subjects if not own_only or one.name in ("base", score.adapter)]
        shares = {one.name: score.score(runner, one, encode) for one in measured}
        results[score.adapter] = {
            "what": score.what,
            "shares": {name: as_dict(value) for name, value in shares.items()},
        }
        say(f"{score.what}: " + _line({name: value.value for name, value in shares.items()}))
        own = [
            row for found in sets if found.adapter == score.adapter for row in examples[found.name]
        ]
        curves[score.adapter] = _curve(runner, score, encode, own, shares[score.adapter])
        say(f"{score.adapter} by weight: " + _line(_points(curves[score.adapter])))
    return {
        "collection": collection.name,
        "base": collection.base.title,
        "dtype": str(runner.model.dtype).removeprefix("torch."),
        "rows": rows,
        "norms": runner.norms,
        "losses": losses,
        "scores": results,
        "curves": curves,
        "seconds": round(time.monotonic() - began, 1),
    }


def _loss(runner: Runner, subject: Subject, examples: Sequence[Example]) -> float:
    found = runner.losses(subject, examples)
    return sum(loss for loss, _ in found) / max(1, sum(tokens for _, tokens in found))


def _summary(found: DevSet, by_name: dict[str, float]) -> dict[str, Any]:
    adapters = {name: loss for name, loss in by_name.items() if name != "base"}
    return {
        "own": found.adapter,
        "rows": len(found.rows),
        "loss": by_name,
        "lower_by": 1 - by_name[found.adapter] / by_name["base"],
        "best": min(adapters, key=lambda name: adapters[name]),
    }


def _curve(
    runner: Runner, score: OwnScore, encode: Any, examples: Sequence[Example], at_one: Share
) -> list[dict[str, Any]]:
    points = []
    for weight in CURVE:
        subject = Subject(score.adapter, weight)
        found = at_one if weight == 1.0 else score.score(runner, subject, encode)
        loss = _loss(runner, subject, examples) if examples else None
        points.append({"weight": weight, "score": as_dict(found), "loss": loss})
    return points


def _points(curve: list[dict[str, Any]]) -> dict[str, float]:
    return {str(point["weight"]): point["score"]["share"] for point in curve}


def _line(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())
