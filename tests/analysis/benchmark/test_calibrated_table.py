"""The tables of all methods in docs/calibrated.md hold the numbers of the stored results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from analysis.benchmark.comparisons.comparison import Difference, Scores, compare
from analysis.benchmark.comparisons.groups import is_written
from analysis.benchmark.entries import COPY
from analysis.benchmark.joined import JoinedResults, read_results
from analysis.benchmark.results import BenchmarkResult

ROOT = Path(__file__).parents[3]
LANGUAGES = ("es", "ru", "zh")


@dataclass(frozen=True)
class Table:
    """A table of the document.

    Attributes:
        mode: The adapters that are on.
        heading: The heading above it.
        reference: The method that differences are taken from.
        known: Methods that know the right pair: they have no p, as nobody could choose them.
    """

    mode: str
    heading: str
    reference: str
    known: tuple[str, ...] = ()

    def run(self, results: JoinedResults) -> BenchmarkResult:
        return next(run for run in results.runs if run.settings.selection.mode == self.mode)

    def rows(self) -> dict[str, list[str]]:
        """The cells of each row after the method, by method."""
        text = (ROOT / "docs" / "calibrated.md").read_text(encoding="utf-8")
        table = text.split(f"\n{self.heading}\n")[1].split("\n| method")[1].split("\n\n")[0]
        lines = [line.strip("|").split("|") for line in table.splitlines()[2:]]
        return {line[0].strip(" `*"): [cell.strip() for cell in line[1:]] for line in lines}


TABLES = (
    Table("all", "## Beside the other methods", "qa-flora-calibrated", ("oracle-pair",)),
    Table("pair", "## On the right pair alone", "static"),
)


@pytest.fixture(scope="module")
def results() -> JoinedResults:
    return read_results(ROOT / "assets" / "results" / "gemma-3-270m.json")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.mode)
def test_shares_are_those_of_the_results(table: Table, results: JoinedResults) -> None:
    rows, run = table.rows(), table.run(results)
    tasks = {task.task: {score.method: score.both for score in task.scores} for task in run.tasks}
    # On the pair, an adapter alone is measured on its own tasks.
    assert set(rows) == set.intersection(*(set(scores) for scores in tasks.values())) - {COPY}
    for method, cells in rows.items():
        for domain, cell in zip(("math", "code", "medical"), cells[:3], strict=True):
            shares = [tasks[f"{language}_{domain}_test"][method] for language in LANGUAGES]
            assert cell == ", ".join(f"{100 * share.value:.0f}" for share in shares if share)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.mode)
def test_differences_are_those_of_the_results(table: Table, results: JoinedResults) -> None:
    """Each method less the reference, over the items of mathematics and code."""
    rows, run = table.rows(), table.run(results)
    answers = {(one.task, one.method, one.item): one for one in run.answers}
    tasks = [task for task in run.tasks if is_written(task)]
    items = [(task, item) for task in tasks for item in task.items]
    names = tuple(rows)
    scores = Scores(
        "both",
        names,
        np.array(
            [[float(answers[task.task, name, item.id].both or 0) for name in names]
             for task, item in items]
        ),
        tuple(item.cluster for _, item in items),
        np.array([1 / len(task.items) for task, _ in items]),
        pooled=True,
    )  # fmt: skip
    ranked = [name for name in names if name not in table.known]
    compared = compare(scores, table.reference, ranked, seed=run.settings.seed)
    found = {one.method: one for one in compared.differences}
    assert compared.items == 540 and rows[table.reference][3:] == ["0.0", ""]
    for method in set(rows) - {table.reference}:
        assert rows[method][3:] == _written(found[method], tested=method in ranked)


def _written(one: Difference, *, tested: bool) -> list[str]:
    def points(number: float, sign: str = "") -> str:
        said = f"{round(100 * number, 1) + 0.0:{sign}.1f}"
        return said.replace("-", "−").replace("+0.0", "0.0")

    value = one.difference
    share = "" if not tested else f"{one.p_holm:.{3 if one.p_holm < 0.1 else 2}f}"
    return [f"{points(value.value, '+')} ({points(value.low)} to {points(value.high)})", share]
