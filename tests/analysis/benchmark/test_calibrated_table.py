"""The table of trained methods in docs/calibrated.md holds the numbers of the stored results."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.benchmark.joined import read_results
from analysis.benchmark.results import BenchmarkResult

ROOT = Path(__file__).parents[3]
COLUMNS = {
    "calibrated": "qa-flora-calibrated",
    "qa-FLoRA": "qa-flora",
    "CAT": "cat",
    "LoRAHub": "lorahub",
    "static": "static",
}
DOMAINS = {"mathematics": "math", "code": "code", "medicine": "medical"}


@pytest.fixture(scope="module")
def run() -> BenchmarkResult:
    (found,) = read_results(ROOT / "assets" / "results" / "gemma-3-270m.part.json").runs
    return found


@pytest.fixture(scope="module")
def lines() -> list[list[str]]:
    text = (ROOT / "docs" / "calibrated.md").read_text(encoding="utf-8")
    table = text.split("Beside two trained methods")[1].split("\n\n")[2]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_shares_are_those_of_the_results(run: BenchmarkResult, lines: list[list[str]]) -> None:
    heads, _, *rows = lines
    assert heads[1:] == list(COLUMNS) and len(rows) == len(DOMAINS)
    tasks = {task.task: {score.method: score.both for score in task.scores} for task in run.tasks}
    for head, *cells in rows:
        domain = DOMAINS[head.split(":")[0]]
        for column, cell in zip(COLUMNS.values(), cells, strict=True):
            shares = [tasks[f"{lang}_{domain}_test"][column] for lang in ("es", "ru", "zh")]
            assert cell == ", ".join(f"{100 * share.value:.0f}" for share in shares if share)


def test_differences_are_those_of_the_results(run: BenchmarkResult) -> None:
    text = (ROOT / "docs" / "calibrated.md").read_text(encoding="utf-8")
    (group,) = (one for one in run.groups if one.group == "all languages: math, code")
    (compared,) = (
        one for one in group.comparisons if one.measure == "both" and one.reference == "oracle-pair"
    )
    found = {one.method: one for one in compared.differences}
    # The calibrated method's answers are right where the pair's are, so its differences are these.
    ours = found["qa-flora-calibrated"]
    assert (ours.better, ours.worse) == (0, 0) and compared.items == 120
    for method, words in (("cat", "CAT is "), ("lorahub", "LoRAHub ")):
        less = found[method].difference
        written = (
            f"{-100 * less.value:.1f} points ({-100 * less.high:.1f} to {-100 * less.low:.1f})"
        )
        assert words + written in text.replace("\n", " ")
