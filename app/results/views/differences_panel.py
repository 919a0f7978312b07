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
from app.widgets.text import signed

if TYPE_CHECKING:
    from analysis.benchmark.comparisons.comparison import Comparison, Difference
    from analysis.benchmark.results import BenchmarkResult

_LEVEL = 0.05
_COLUMNS = ("Difference", "95 % interval", "Better on", "Worse on", "p, corrected", "Detectable")

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
    better = "left" if loss else "right"
    sentence = (
        f"Each point is the mean over a task's items, less that of {names.method(reference)}; "
        f"points to the {better} of 0 are better. Lines are 95 % intervals by paired bootstrap "
        "over clusters of items. A filled point differs from 0 also after the correction for the "
        "number of methods. Bold rows are averages in which each task has the same weight."
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
    factor, decimals, unit = (1.0, 3, "nats") if loss else (100.0, 1, "points")
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
                hover=f"{label}\n{written[0]} {unit}, 95 % interval {written[1] or 'not known'}\n"
                f"better on {written[2]} items, worse on {written[3]}\np {written[4]}",
            )
        )
        cells.append(written)
    reference = names.method(found[0][2].reference)
    measure = "loss of the right answer" if loss else "right answers"
    title = f"{names.method(method)} less {reference}: {measure}"
    figure = forest(rows, axis="nats per token" if loss else "percentage points")
    table = Table.of("Task", _COLUMNS, [row.label for row in rows], cells)
    settled = sum(row.settled for row in rows)
    label = f"{title}. {settled} of {len(rows)} differences are told from 0."
    return Chart(title, label, figure, table, method, names.method(method))


def _cells(difference: Difference, factor: float, decimals: int) -> list[str]:
    interval, detectable = difference.difference, difference.detectable
    corrected = difference.p if difference.p_holm is None else difference.p_holm
    return [
        signed(factor * interval.value, decimals),
        figures.between(interval, factor, decimals),
        str(difference.better),
        str(difference.worse),
        figures.chance(corrected),
        figures.UNKNOWN if detectable is None else f"{factor * detectable:.{decimals}f}",
    ]


def is_settled(difference: Difference) -> bool:
    """Whether a difference is told from 0 by its test, corrected, and by its interval."""
    corrected = difference.p if difference.p_holm is None else difference.p_holm
    return corrected < _LEVEL and not difference.difference.holds_zero


def _of(method: str, comparison: Comparison) -> Difference | None:
    return next((one for one in comparison.differences if one.method == method), None)
