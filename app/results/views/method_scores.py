"""The scores of methods: methods down, tasks and their means across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analysis.benchmark.comparisons.groups import is_written
from app.results.lookup import compared, method_order
from app.results.names import Names, is_alone
from app.results.views import figures
from app.results.views.score_table import Cell, ScoreRow, ScoreTable
from app.widgets.text import fixed
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.benchmark.comparisons.comparison import Comparison
    from analysis.benchmark.results import BenchmarkResult, MethodScore, TaskResult

_MARKS = say(
    "● is the best of its column, also where several methods share it. ○ is a tie with the best: a "
    "paired test, corrected for the number of methods, does not tell the two apart. Few items "
    "leave many ties; the means over several tasks, in the last columns, rest on more. P(best) is "
    "the share of bootstrap samples in which a method has the best mean. Rows for reference have "
    "no rank."
)
_REFERENCES = {
    "oracle-pair": say("knows each item's adapters"),
    "best-single": say("known afterwards, not found"),
    "copy": say("repeats a part of the question"),
}


def shares(run: BenchmarkResult, names: Names, tag: str) -> ScoreTable:
    """The share of right answers of each method on each task."""
    known = all(score.both is not None for task in run.tasks for score in task.scores)
    return _table(
        run,
        list(run.tasks),
        names,
        tag,
        loss=False,
        title=say("Right answers, in %"),
        sentence=say(
            "Share of the items that are answered right and in the item's language, with its 95% "
            "interval (Wilson). A function is right if it passes its tests."
        )
        if known
        else say(
            "Share of the items that are answered right (in some tasks in any language), with its "
            "95% interval (Wilson). A function is right if it passes its tests."
        ),
    )


def losses(run: BenchmarkResult, names: Names, tag: str) -> ScoreTable:
    """The loss of the gold answer of each method, on tasks that are answered by an option."""
    tasks = [
        task
        for task in run.tasks
        if not is_written(task) and any(score.loss for score in task.scores)
    ]
    if not tasks:
        return ScoreTable.empty()
    return _table(
        run,
        tasks,
        names,
        tag,
        loss=True,
        title=say("Loss of the right answer, in nats per token"),
        sentence=say(
            "Lower is better. Where a domain is hard for the base model, shares of right options "
            "hardly differ, and this loss still tells the methods apart. The interval is by "
            "bootstrap over clusters of items."
        ),
    )


def _table(
    run: BenchmarkResult,
    tasks: Sequence[TaskResult],
    names: Names,
    tag: str,
    *,
    loss: bool,
    title: str,
    sentence: str,
) -> ScoreTable:
    present = {score.method for task in tasks for score in task.scores if not loss or score.loss}
    methods = [name for name in method_order(run) if name in present]
    kinds = {score.method: score.kind for task in tasks for score in task.scores}
    fusing = [name for name in methods if kinds[name] == "method" and not is_alone(name)]
    alone = [name for name in methods if kinds[name] == "method" and is_alone(name)]
    reference = [name for name in methods if kinds[name] != "method"]
    sections = tuple(
        (heading, len(members))
        for heading, members in (
            (say("Methods"), fusing),
            (say("One adapter alone"), alone),
            (say("For reference"), reference),
        )
        if members
    )
    means = _means(run, tasks, methods, names, loss=loss)
    columns = [*(_column(task, methods, names, loss=loss) for task in tasks), *means]
    return ScoreTable(
        title=title,
        tag=tag,
        sentence=sentence,
        corner=say("Method"),
        groups=((say("Tasks"), len(tasks)), (say("Means"), len(means))) if means else (),
        columns=tuple(column.heading for column in columns),
        rows=tuple(
            ScoreRow(_heading(name, names), tuple(column.cells[place] for column in columns))
            for place, name in enumerate(methods)
        ),
        note=_MARKS,
        sections=sections,
    )


def _heading(method: str, names: Names) -> Cell:
    _, _, adapter = method.partition(":")
    label = names.adapter(adapter) if is_alone(method) else names.method(method)
    return Cell(label, _REFERENCES.get(method, ""))


@dataclass(frozen=True)
class _Column:
    """A column.

    Attributes:
        heading: Its heading.
        cells: Its cells, one for each method.
    """

    heading: Cell
    cells: tuple[Cell, ...]


def _column(task: TaskResult, methods: Sequence[str], names: Names, *, loss: bool) -> _Column:
    scores = {score.method: score for score in task.scores}
    values = {name: _value(score, loss=loss) for name, score in scores.items()}
    comparison = compared(task.comparisons, loss=loss)
    return _Column(
        Cell(names.task(task), figures.items(len(task.items))),
        tuple(
            Cell(
                *_written(scores.get(name), loss=loss),
                _mark(name, values, comparison),
            )
            for name in methods
        ),
    )


def _written(score: MethodScore | None, *, loss: bool) -> tuple[str, str]:
    if score is None or (loss and score.loss is None):
        return figures.UNKNOWN, ""
    if loss:
        assert score.loss is not None
        return figures.loss(score.loss)
    return figures.percent(score.both or score.right)


def _means(
    run: BenchmarkResult,
    tasks: Sequence[TaskResult],
    methods: Sequence[str],
    names: Names,
    *,
    loss: bool,
) -> list[_Column]:
    """A column for each group of tasks that asks several languages: the means over its tasks."""
    known = {task.task: task for task in tasks}
    columns = []
    for group in run.groups:
        members = [known[name] for name in group.tasks if name in known]
        spoken = {item.lang for task in members for item in task.items}
        comparison = compared(group.comparisons, loss=loss)
        if len(members) < len(group.tasks) or len(spoken) < 2 or comparison is None:
            continue
        heading = Cell(names.group(group.group), say("mean of {count} tasks", count=len(members)))
        values = {name: _mean(members, name, loss=loss) for name in methods}
        cells = (
            Cell(
                _number(value, loss=loss),
                _first(name, comparison),
                _mark(name, values, comparison),
            )
            for name, value in values.items()
        )
        columns.append(_Column(heading, tuple(cells)))
    return columns


def _mean(tasks: Sequence[TaskResult], method: str, *, loss: bool) -> float | None:
    scores = [score for task in tasks for score in task.scores if score.method == method]
    values = [value for score in scores if (value := _value(score, loss=loss)) is not None]
    return sum(values) / len(values) if len(values) == len(tasks) else None


def _number(value: float | None, *, loss: bool) -> str:
    if value is None:
        return figures.UNKNOWN
    return fixed(value) if loss else f"{100 * value:.0f}"


def _value(score: MethodScore, *, loss: bool) -> float | None:
    if loss:
        return None if score.loss is None else score.loss.value
    return (score.both or score.right).value


def _first(method: str, comparison: Comparison) -> str:
    """The chance that a method is the best; empty for one without rank."""
    share = comparison.first.get(method)
    return "" if share is None else joined(" ", (say("P(best)"), fixed(share)))


def _mark(
    method: str, values: Mapping[str, float | None], comparison: Comparison | None
) -> Literal["best", "tied", ""]:
    if comparison is None or method not in comparison.tied:
        return ""
    # Several methods may have the best number; the comparison names one of them.
    return "best" if values[method] == values[comparison.best] else "tied"
