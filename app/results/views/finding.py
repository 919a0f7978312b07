"""The finding: the result of a benchmark in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.benchmark.comparisons.groups import is_written
from analysis.benchmark.entries import ORACLE_PAIR
from app.results.lookup import compared, headline
from app.results.names import Names
from app.results.views import figures
from app.results.views.differences_panel import is_settled
from app.widgets import text
from app.widgets.words.said import capital, joined, say

if TYPE_CHECKING:
    from analysis.benchmark.comparisons.comparison import Comparison, Difference
    from analysis.benchmark.results import BenchmarkResult


def finding(runs: Sequence[BenchmarkResult], names: Names) -> str:
    """The result in one sentence, from the numbers: one clause for each benchmark."""
    clauses = [clause for run in runs if (clause := _clause(run, names))]
    if not clauses:
        return say("One method alone was measured, so there is nothing to compare.")
    return joined("; ", (capital(clauses[0]), *clauses[1:])) + "."


def _clause(run: BenchmarkResult, names: Names) -> str:
    _, comparisons = scope(run, names)
    comparison = compared(comparisons, loss=False)
    if comparison is None:
        return ""
    method = headline(run)
    if method == comparison.reference:
        method = comparison.best
    difference = next((one for one in comparison.differences if one.method == method), None)
    if difference is None:
        return say(
            "with {selection}, no method is better than {method}",
            selection=names.selection(run),
            method=names.method(method),
        )
    # With the right pair on, the oracle is static fusion itself.
    of_pair = run.settings.selection.mode == "pair"
    oracle = None if of_pair else next((c for c in comparisons if c.reference == ORACLE_PAIR), None)
    return say(
        "with {selection}, {method} gives {difference}",
        selection=names.selection(run),
        method=names.method(method),
        difference=_more(difference, names.method(comparison.reference)) + _beside(oracle, method),
    )


def scope(run: BenchmarkResult, names: Names) -> tuple[str, Sequence[Comparison]]:
    """The tasks that the sentence is about, by name, and their comparisons.

    Tasks with written answers where there are some: shares of right options often hardly differ.
    """
    written = {task.task for task in run.tasks if is_written(task)}
    wanted = written or {task.task for task in run.tasks}
    for group in run.groups:
        if set(group.tasks) == wanted:
            return names.group(group.group), group.comparisons
    task = next(task for task in run.tasks if task.task in wanted)
    return names.task(task), task.comparisons


def _more(difference: Difference, reference: str) -> str:
    interval = difference.difference
    value = 100 * interval.value
    ends = figures.between(interval, 100, 1) or figures.UNKNOWN_INTERVAL
    if not is_settled(difference):
        ends = say("{interval}, which may be chance", interval=ends)
    facts = {"points": text.fixed(abs(value), 1), "reference": reference, "interval": ends}
    if value >= 0:
        return say("{points} points more right answers than {reference} ({interval})", **facts)
    return say("{points} points fewer right answers than {reference} ({interval})", **facts)


def _beside(oracle: Comparison | None, method: str) -> str:
    found = (
        next((one for one in oracle.differences if one.method == method), None) if oracle else None
    )
    if found is None:
        return ""
    more = _more(found, say("the right pair fused statically"))
    return say(" and {difference}", difference=more)
