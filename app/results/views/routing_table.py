"""Routing: how often a signal names the right adapters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import comb
from typing import TYPE_CHECKING

from analysis.models.collection import Collection
from app.results.names import Names
from app.results.views import figures
from app.results.views.score_table import Cell, ScoreRow, ScoreTable
from app.widgets import text
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.benchmark.fusion.routing import Routing
    from analysis.benchmark.results import BenchmarkResult
    from analysis.benchmark.statistics import Share

_PARTS = (
    (say("The two largest are the right pair"), "pair"),
    (say("The right language leads the languages"), "language"),
    (say("The right task leads the tasks"), "task"),
)
"""What is counted: the heading of a section, and the field of `Routing`."""


def routing_table(
    runs: Sequence[BenchmarkResult], collection: Collection, names: Names, tag: str
) -> ScoreTable:
    """How often each signal names the right adapters: signals down, tasks across.

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
    by_place = {(one.signal, task.task): one for task in tasks for one in task.routing}
    rows = [
        ScoreRow(
            Cell(_heading(signal)),
            tuple(_cell(by_place.get((signal, task.task)), part) for task in tasks),
        )
        for _, part in _PARTS
        for signal in signals
    ]
    columns = (
        Cell(names.task(task), figures.items(max(one.items for one in task.routing)))
        for task in tasks
    )
    return ScoreTable(
        title=say("Does the signal find the right adapters? In %"),
        tag=tag,
        sentence=say(
            "Share of the items, with its 95% interval (Wilson). A signal counts as its mean over "
            "the layers."
        ),
        corner=say("Signal"),
        groups=(),
        columns=tuple(columns),
        rows=tuple(rows),
        note=_by_chance(run, collection),
        sections=tuple((heading, len(signals)) for heading, _ in _PARTS),
    )


def _cell(routing: Routing | None, part: str) -> Cell:
    share: Share | None = None if routing is None else getattr(routing, part)
    return Cell(figures.UNKNOWN) if share is None else Cell(*figures.percent(share))


def _heading(signal: str) -> str:
    named = re.sub(r", both(?=,|$)", ", both tokens", signal)
    return text.plain(named[:1].upper() + named[1:])


def _by_chance(run: BenchmarkResult, collection: Collection) -> str:
    fused = [
        entry for entry in collection.adapters if entry.name in run.settings.selection.adapters
    ]
    languages, tasks = (sum(entry.kind == kind for entry in fused) for kind in ("language", "task"))
    if len(fused) != len(run.settings.selection.adapters) or not languages or not tasks:
        return ""
    pair, language, task = (
        text.percent(1 / choices) for choices in (comb(len(fused), 2), languages, tasks)
    )
    return say(
        "By chance: pair {pair}, language {language}, task {task}.",
        pair=pair,
        language=language,
        task=task,
    )
