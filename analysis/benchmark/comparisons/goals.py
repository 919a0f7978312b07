"""The goals that were set before the benchmark of the bundled adapters, judged by any result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from analysis.benchmark.comparisons.comparison import Comparison, Difference
from analysis.benchmark.comparisons.groups import is_written
from analysis.benchmark.fusion.routing import signal_at
from analysis.benchmark.results import BenchmarkResult, TaskResult

METHOD = "qa-flora"
_ALONE = "adapter:"

GoalName = Literal[
    "above-static", "above-singles", "near-pair", "pair-above-static", "loss", "routing",
    "routing-options",
]  # fmt: skip

GOALS: dict[GoalName, float] = {
    "above-static": 0.20,
    "above-singles": 0.0,
    "near-pair": -0.05,
    "pair-above-static": 0.0,
    "loss": 0.0,
    "routing": 0.90,
    "routing-options": 0.80,
}
"""The bound of each goal: shares, or for `loss` nats per token.

- `above-static`: with all adapters on, at least so much above static fusion;
- `above-singles`: above each adapter alone;
- `near-pair`: at most so much below the right pair fused statically;
- `pair-above-static`: with the right pair on, not below static fusion;
- `loss`: the right answer's loss is below the base's and below that of each adapter alone;
- `routing`, `routing-options`: the right pair has the two largest mean divergences in so many items
  with written answers, and in so many with options.
"""

_STRICT: tuple[GoalName, ...] = ("above-singles", "loss")
_EQUAL = 1e-9  # means of the same answers may differ by round-off


@dataclass(frozen=True)
class Judged:
    """A goal in one language.

    Attributes:
        goal: Its name, from `GOALS`.
        lang: Code of the language, without a region.
        value: What the benchmark found: a share, a difference of shares, or of losses in nats.
        low: Lower end of its 95 % interval; None where it has none.
        high: Upper end, or None.
        met: Whether the value reaches the bound. A value may reach it by chance: see the interval.
    """

    goal: GoalName
    lang: str
    value: float
    low: float | None
    high: float | None
    met: bool


def judged(runs: Sequence[BenchmarkResult]) -> tuple[Judged, ...]:
    """The goals, each in each language; those that the runs do not measure are left out.

    Args:
        runs: Benchmarks of the same tasks, one of all adapters, one of each item's pair, or both.
    """
    found = [
        one
        for run in runs
        for lang in _languages(run)
        for one in _of_language(run, lang)
        if run.settings.selection.mode in ("all", "pair")
    ]
    order = list(GOALS)
    return tuple(sorted(found, key=lambda one: order.index(one.goal)))


def _of_language(run: BenchmarkResult, lang: str) -> Iterator[Judged]:
    own = [task for task in run.tasks if {item.language for item in task.items} == {lang}]
    written = [task for task in own if is_written(task)]
    options = [task for task in own if task not in written]
    comparisons = {one.reference: one for one in _shares(run, written)}
    static = comparisons.get("static")
    gain = _difference(static, METHOD)
    if run.settings.selection.mode == "pair":
        if gain is not None:
            yield _between("pair-above-static", lang, gain)
        return
    if static is not None and gain is not None:
        yield _between("above-static", lang, gain)
        alone = [one for one in static.differences if one.method.startswith(_ALONE)]
        if alone:
            best = max(one.difference.value for one in alone)
            yield _judged("above-singles", lang, gain.difference.value - best)
    beside = _difference(comparisons.get("oracle-pair"), METHOD)
    if beside is not None:
        yield _between("near-pair", lang, beside)
    yield from _loss(lang, options)
    position = run.settings.weight_settings.position
    yield from _routed("routing", lang, written, position)
    yield from _routed("routing-options", lang, options, position)


def _shares(run: BenchmarkResult, tasks: Sequence[TaskResult]) -> Sequence[Comparison]:
    """The comparisons of right answers over exactly these tasks, each with the same weight."""
    names = {task.task for task in tasks}
    of_group = next((one.comparisons for one in run.groups if set(one.tasks) == names), ())
    found = tasks[0].comparisons if len(tasks) == 1 else of_group
    return [one for one in found if one.measure != "loss"]


def _difference(comparison: Comparison | None, method: str) -> Difference | None:
    found = () if comparison is None else comparison.differences
    return next((one for one in found if one.method == method), None)


def _loss(lang: str, tasks: Sequence[TaskResult]) -> Iterator[Judged]:
    """The method's loss less the lowest of base and single adapters; below 0 meets the goal."""
    losses: dict[str, list[float]] = {}
    for task in tasks:
        for score in task.scores:
            if score.loss is not None:
                losses.setdefault(score.method, []).append(score.loss.value)
    means = {name: fmean(values) for name, values in losses.items() if len(values) == len(tasks)}
    others = [value for name, value in means.items() if name == "base" or name.startswith(_ALONE)]
    if METHOD in means and others:
        yield _judged("loss", lang, means[METHOD] - min(others))


def _routed(
    goal: GoalName, lang: str, tasks: Sequence[TaskResult], position: str
) -> Iterator[Judged]:
    found = [
        one.pair for task in tasks for one in task.routing if one.signal == signal_at(position)
    ]
    if found and len(found) == len(tasks):
        yield _judged(goal, lang, sum(one.right for one in found) / sum(one.of for one in found))


def _between(goal: GoalName, lang: str, found: Difference) -> Judged:
    interval = found.difference
    return _judged(goal, lang, interval.value, interval.low, interval.high)


def _judged(
    goal: GoalName, lang: str, value: float, low: float | None = None, high: float | None = None
) -> Judged:
    bound = GOALS[goal]
    if goal == "loss":
        met = value < bound - _EQUAL
    elif goal in _STRICT:
        met = value > bound + _EQUAL
    else:
        met = value >= bound - _EQUAL
    return Judged(goal, lang, value, low, high, met)


def _languages(run: BenchmarkResult) -> list[str]:
    return list(dict.fromkeys(item.language for task in run.tasks for item in task.items))
