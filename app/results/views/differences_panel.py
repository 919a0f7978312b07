"""Differences to the reference method as forest plots, one for each method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.benchmark.comparisons.groups import is_written
from app.results.lookup import compared, headline, method_order
from app.results.names import Names
from app.results.views import figures
from app.views.charts_panel import Chart, ChartsPanel, Table
from app.widgets.forest_plots import ForestRow, forest
from app.widgets.text import fixed, signed
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.benchmark.comparisons.comparison import Comparison, Difference
    from analysis.benchmark.results import BenchmarkResult

_LEVEL = 0.05
_COLUMNS = (
    say("Difference"),
    say("95% interval"),
    say("Better on"),
    say("Worse on"),
    say("p, corrected"),
    say("Detectable"),
)

_Line = tuple[str, bool, "Comparison"]
"""A row before a method is chosen: its label, whether it is an average, and its comparison."""


def shares(run: BenchmarkResult, names: Names, number: int) -> ChartsPanel:
    """Differences in the share of right answers."""
    return _panel(run, names, f"{number}-shares", loss=False)


def losses(run: BenchmarkResult, names: Names, number: int) -> ChartsPanel:
    """Differences in the loss of the right answer, on tasks that are answered by an option."""
    return _panel(run, names, f"{number}-losses", loss=True)


def _panel(run: BenchmarkResult, names: Names, number: str, *, loss: bool) -> ChartsPanel:
    lines = _lines(run, names, loss=loss)
    if not lines:
        return ChartsPanel.empty()
    reference = lines[0][2].reference
    first = headline(run)
    methods = [name for name in method_order(run) if name not in (reference, "copy")]
    charts = tuple(
        _chart(lines, method, names, loss=loss)
        for method in sorted(methods, key=lambda name: name != first)
        if any(_of(method, line[2]) for line in lines)
    )
    sentence = joined(
        " ",
        (
            say(
                "Each point is the mean over a task's items, less that of {reference}.",
                reference=names.method(reference),
            ),
            say("Points to the left of 0 are better.")
            if loss
            else say("Points to the right of 0 are better."),
            say(
                "Lines are 95% intervals by paired bootstrap over clusters of items. A filled "
                "point differs from 0 also after the correction for the number of methods. Bold "
                "rows are averages in which each task has the same weight."
            ),
        ),
    )
    return ChartsPanel(number, charts, (sentence,)) if charts else ChartsPanel.empty()


def _lines(run: BenchmarkResult, names: Names, *, loss: bool) -> list[_Line]:
    options = {task.task for task in run.tasks if not is_written(task)}
    found = [
        (names.task(task), False, compared(task.comparisons, loss=loss))
        for task in run.tasks
        if not loss or task.task in options
    ] + [
        (names.group(group.group), True, compared(group.comparisons, loss=loss))
        for group in run.groups
        if not loss or set(group.tasks) <= options
    ]
    return [(label, average, one) for label, average, one in found if one is not None]


def _chart(lines: Sequence[_Line], method: str, names: Names, *, loss: bool) -> Chart:
    found = [
        (label, average, comparison, difference)
        for label, average, comparison in lines
        if (difference := _of(method, comparison)) is not None
    ]
    factor, decimals, unit = (1.0, 3, say("nats")) if loss else (100.0, 1, say("points"))
    rows, cells = [], []
    for label, average, _, difference in found:
        written = _cells(difference, factor, decimals)
        interval = difference.difference
        rows.append(
            ForestRow(
                label=label,
                value=factor * interval.value,
                low=None if interval.low is None else factor * interval.low,
                high=None if interval.high is None else factor * interval.high,
                settled=is_settled(difference),
                average=average,
                hover=joined("\n", (label, *_hover(written, unit))),
            )
        )
        cells.append(written)
    reference = names.method(found[0][2].reference)
    title = say(
        "{method} less {reference}: {measure}",
        method=names.method(method),
        reference=reference,
        measure=say("loss of the right answer") if loss else say("right answers"),
    )
    figure = forest(rows, axis=say("nats per token") if loss else say("percentage points"))
    table = Table.of(say("Task"), _COLUMNS, [row.label for row in rows], cells)
    told = say(
        "{settled} of {count} differences are told from 0.",
        settled=sum(row.settled for row in rows),
        count=len(rows),
    )
    label = joined(". ", (title, told))
    return Chart(title, label, figure, table, method, names.method(method))


def _hover(written: Sequence[str], unit: str) -> tuple[str, ...]:
    value, interval, better, worse, chance, _ = written
    return (
        joined(" ", (value, unit)),
        say("95% interval {interval}", interval=interval) if interval else figures.UNKNOWN_INTERVAL,
        say("better on {better} items, worse on {worse}", better=better, worse=worse),
        joined(" ", ("p", chance)),
    )


def _cells(difference: Difference, factor: float, decimals: int) -> list[str]:
    interval, detectable = difference.difference, difference.detectable
    corrected = difference.p if difference.p_holm is None else difference.p_holm
    return [
        signed(factor * interval.value, decimals),
        figures.between(interval, factor, decimals),
        str(difference.better),
        str(difference.worse),
        figures.chance(corrected),
        figures.UNKNOWN if detectable is None else fixed(factor * detectable, decimals),
    ]


def is_settled(difference: Difference) -> bool:
    """Whether a difference is told from 0 by its test, corrected, and by its interval."""
    corrected = difference.p if difference.p_holm is None else difference.p_holm
    return corrected < _LEVEL and not difference.difference.holds_zero


def _of(method: str, comparison: Comparison) -> Difference | None:
    return next((one for one in comparison.differences if one.method == method), None)
