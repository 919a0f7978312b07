"""The table of all methods in docs/calibrated.md holds the numbers of the stored results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.benchmark.comparisons.comparison import Difference, Scores, compare
from analysis.benchmark.comparisons.groups import is_written
from analysis.benchmark.entries import COPY
from analysis.benchmark.joined import read_results
from analysis.benchmark.results import BenchmarkResult

ROOT = Path(__file__).parents[3]
OURS, PAIR = "qa-flora-calibrated", "oracle-pair"
LANGUAGES = ("es", "ru", "zh")


@pytest.fixture(scope="module")
def run() -> BenchmarkResult:
    found = read_results(ROOT / "assets" / "results" / "gemma-3-270m.json").runs[0]
    assert found.settings.selection.mode == "all"
    return found


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    """The cells of each row after the method, by method."""
    text = (ROOT / "docs" / "calibrated.md").read_text(encoding="utf-8")
    table = text.split("## Beside the other methods")[1].split("\n| method")[1].split("\n\n")[0]
    lines = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    return {line[0].strip(" `*"): [cell.strip() for cell in line[1:]] for line in lines}


def test_shares_are_those_of_the_results(run: BenchmarkResult, rows: dict[str, list[str]]) -> None:
    tasks = {task.task: {score.method: score.both for score in task.scores} for task in run.tasks}
    assert set(rows) == set(tasks["es_math_test"]) - {COPY}
    for method, cells in rows.items():
        for domain, cell in zip(("math", "code", "medical"), cells[:3], strict=True):
            shares = [tasks[f"{language}_{domain}_test"][method] for language in LANGUAGES]
            assert cell == ", ".join(f"{100 * share.value:.0f}" for share in shares if share)


def test_differences_are_those_of_the_results(
    run: BenchmarkResult, rows: dict[str, list[str]]
) -> None:
    """Each method less the calibrated one, over the items of mathematics and code."""
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
    ranked = [name for name in names if name != PAIR]
    compared = compare(scores, OURS, ranked, seed=run.settings.seed)
    found = {one.method: one for one in compared.differences}
    assert compared.items == 540 and rows[OURS][3:] == ["0.0", ""]
    for method in set(rows) - {OURS}:
        assert rows[method][3:] == _written(found[method], tested=method in ranked)


def _written(one: Difference, *, tested: bool) -> list[str]:
    def points(number: float, sign: str = "") -> str:
        said = f"{round(100 * number, 1) + 0.0:{sign}.1f}"
        return said.replace("-", "−").replace("+0.0", "0.0")

    value = one.difference
    share = "" if not tested else f"{one.p_holm:.{3 if one.p_holm < 0.1 else 2}f}"
    return [f"{points(value.value, '+')} ({points(value.low)} to {points(value.high)})", share]
