"""Routing: how often a signal names the right adapters."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import TYPE_CHECKING

from analysis.models.collection import Collection
from app.results.names import Names
from app.results.views import figures
from app.results.views.score_table import Cell, ScoreRow, ScoreTable
from app.widgets import text

if TYPE_CHECKING:
    from analysis.benchmark.fusion.routing import Routing
    from analysis.benchmark.results import BenchmarkResult
    from analysis.benchmark.statistics import Share

_COLUMNS = (Cell("Pair"), Cell("Language"), Cell("Task"))


def routing_table(
    runs: Sequence[BenchmarkResult], collection: Collection, names: Names, tag: str
) -> ScoreTable:
    """How often each signal names the right adapters, task by task.

    Args:
        runs: The benchmarks; the first one that chose among three adapters or more is shown.
        collection: The collection of the page.
        names: Its names.
        tag: Beside the title.
    """
    run = next((run for run in runs if any(task.routing for task in run.tasks)), None)
    if run is None:
        return ScoreTable.empty()
    tasks = [task for task in run.tasks if task.routing]
    signals = list(dict.fromkeys(one.signal for task in tasks for one in task.routing))
    rows = []
    for task in tasks:
        by_signal = {one.signal: one for one in task.routing}
        cells = [cell for signal in signals for cell in _cells(by_signal.get(signal))]
        items = max(one.items for one in task.routing)
        rows.append(ScoreRow(Cell(names.task(task), figures.items(items)), tuple(cells)))
    return ScoreTable(
        title="Does the signal find the right adapters? In %",
        tag=tag,
        sentence="Share of the items, with its 95 % interval (Wilson), in which the two adapters "
        "with the largest signal are the right pair, and in which the right adapter leads among "
        "the language adapters and among the task adapters.",
        corner="Task",
        groups=tuple((_heading(signal), len(_COLUMNS)) for signal in signals),
        columns=_COLUMNS * len(signals),
        rows=tuple(rows),
        note=_by_chance(run, collection),
    )


def _cells(routing: Routing | None) -> list[Cell]:
    if routing is None:
        return [Cell(figures.UNKNOWN)] * len(_COLUMNS)
    return [_cell(share) for share in (routing.pair, routing.language, routing.task)]


def _cell(share: Share | None) -> Cell:
    return Cell(figures.UNKNOWN) if share is None else Cell(*figures.percent(share))


def _heading(signal: str) -> str:
    named = f"{signal} tokens" if signal.endswith(", both") else signal
    return text.plain(named[:1].upper() + named[1:])


def _by_chance(run: BenchmarkResult, collection: Collection) -> str:
    fused = [
        entry for entry in collection.adapters if entry.name in run.settings.selection.adapters
    ]
    languages, tasks = (sum(entry.kind == kind for entry in fused) for kind in ("language", "task"))
    if len(fused) != len(run.settings.selection.adapters) or not languages or not tasks:
        return ""
    pair, language, task = (
        f"{100 / choices:.0f} %" for choices in (comb(len(fused), 2), languages, tasks)
    )
    return f"By chance: pair {pair}, language {language}, task {task}."
