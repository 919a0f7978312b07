"""Tables of scores: tasks down, methods or signals across, each number with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from app.results.lookup import compared, is_written, method_order
from app.results.names import Names, is_alone
from app.results.views import figures

if TYPE_CHECKING:
    from analysis.benchmark.comparisons.comparison import Comparison
    from analysis.benchmark.results import BenchmarkResult, MethodScore, TaskResult

_MARKS = (
    "● is the best of its row, also where several methods share it. ○ is a tie with the best: a "
    "paired test, corrected for the number of methods, does not tell the two apart. Few items "
    "leave many ties; the means over several tasks, in the last rows, rest on more. For "
    "reference, and without a rank: the right pair knows each item's adapters; a copy repeats a "
    "number or an option of the question."
)


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: The number, or a heading.
        detail: Its interval, or a line below the heading.
        mark: `best`, `tied` (with the best) or empty.
    """

    text: str
    detail: str = ""
    mark: Literal["best", "tied", ""] = ""


@dataclass(frozen=True)
class ScoreRow:
    """A row.

    Attributes:
        heading: Its heading.
        cells: Its cells, one for each column.
    """

    heading: Cell
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ScoreTable:
    """The panel of a table.

    Attributes:
        title: Above the table.
        tag: Beside the title: a warning in two words.
        sentence: How to read it, below the title.
        corner: The heading of the first column.
        groups: Headings over several columns each, with the number of these columns.
        columns: The headings of the columns.
        rows: The rows; the page hides a table without rows.
        note: Below the table.
    """

    title: str
    tag: str
    sentence: str
    corner: str
    groups: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    rows: tuple[ScoreRow, ...]
    note: str = ""

    @classmethod
    def empty(cls) -> ScoreTable:
        """A table without rows."""
        return cls("", "", "", "", (), (), ())


def shares(run: BenchmarkResult, names: Names, tag: str) -> ScoreTable:
    """The share of right answers of each method on each task."""
    known = all(score.both is not None for task in run.tasks for score in task.scores)
    where = "in the item's language" if known else "(in some tasks in any language)"
    return _table(
        run,
        list(run.tasks),
        names,
        tag,
        loss=False,
        title="Right answers, in %",
        sentence=f"Share of the items that are answered right and {where}, with its 95 % interval "
        "(Wilson). A function is right if it passes its tests.",
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
        title="Loss of the right answer, in nats per token",
        sentence="Lower is better. Where a domain is beyond the base model, shares of right "
        "options stay near chance, and this loss still tells the methods apart. The interval is "
        "by bootstrap over clusters of items.",
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
    groups = [
        (heading, len(members))
        for heading, members in (
            ("Methods", fusing),
            ("One adapter alone", alone),
            ("For reference", reference),
        )
        if members
    ]
    columns = [
        names.adapter(name.partition(":")[2]) if is_alone(name) else names.method(name)
        for name in methods
    ]
    return ScoreTable(
        title=title,
        tag=tag,
        sentence=sentence,
        corner="Task",
        groups=tuple(groups),
        columns=tuple(columns),
        rows=(
            *(_row(task, methods, names, loss=loss) for task in tasks),
            *_means(run, tasks, methods, names, loss=loss),
        ),
        note=_MARKS,
    )


def _row(task: TaskResult, methods: Sequence[str], names: Names, *, loss: bool) -> ScoreRow:
    scores = {score.method: score for score in task.scores}
    values = {name: _value(score, loss=loss) for name, score in scores.items()}
    comparison = compared(task.comparisons, loss=loss)
    return ScoreRow(
        Cell(names.task(task), f"{len(task.items)} items"),
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
) -> list[ScoreRow]:
    """A row for each group of tasks that asks several languages: the means over its tasks."""
    known = {task.task: task for task in tasks}
    rows = []
    for group in run.groups:
        members = [known[name] for name in group.tasks if name in known]
        spoken = {item.lang for task in members for item in task.items}
        comparison = compared(group.comparisons, loss=loss)
        if len(members) < len(group.tasks) or len(spoken) < 2 or comparison is None:
            continue
        heading = Cell(names.group(group.group), f"mean of {len(members)} tasks")
        values = {name: _mean(members, name, loss=loss) for name in methods}
        cells = (
            Cell(_number(value, loss=loss), "", _mark(name, values, comparison))
            for name, value in values.items()
        )
        rows.append(ScoreRow(heading, tuple(cells)))
    return rows


def _mean(tasks: Sequence[TaskResult], method: str, *, loss: bool) -> float | None:
    scores = [score for task in tasks for score in task.scores if score.method == method]
    values = [value for score in scores if (value := _value(score, loss=loss)) is not None]
    return sum(values) / len(values) if len(values) == len(tasks) else None


def _number(value: float | None, *, loss: bool) -> str:
    if value is None:
        return figures.UNKNOWN
    return f"{value:.2f}" if loss else f"{100 * value:.0f}"


def _value(score: MethodScore, *, loss: bool) -> float | None:
    if loss:
        return None if score.loss is None else score.loss.value
    return (score.both or score.right).value


def _mark(
    method: str, values: Mapping[str, float | None], comparison: Comparison | None
) -> Literal["best", "tied", ""]:
    if comparison is None or method not in comparison.tied:
        return ""
    # Several methods may have the best number; the comparison names one of them.
    return "best" if values[method] == values[comparison.best] else "tied"
