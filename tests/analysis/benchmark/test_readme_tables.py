"""The tables of results in the README hold the numbers of the stored results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.benchmark.comparisons.goals import GoalName, Judged, judged
from analysis.benchmark.joined import read_results
from analysis.benchmark.results import BenchmarkResult

ROOT = Path(__file__).parents[3]
LANGUAGES = ("es", "ru", "zh")
WRITTEN = tuple(f"{lang}_{domain}_test" for domain in ("math", "code") for lang in LANGUAGES)
ENTRIES = {
    "static, all six": "static",
    "sum, all six": "sum",
    "qa-FLoRA, all six": "qa-flora",
    "qa-FLoRA calibrated, all six": "qa-flora-calibrated",
    "static, the right pair (known, not found)": "oracle-pair",
    "static, the pair": "static",
    "sum, the pair": "sum",
    "qa-FLoRA, the pair": "qa-flora",
}


GOALS: dict[str, GoalName] = {
    "qa-FLoRA less static, all six": "above-static",
    "qa-FLoRA less the best adapter alone": "above-singles",
    "qa-FLoRA less the right pair": "near-pair",
    "qa-FLoRA less static, the right pair alone": "pair-above-static",
    "medicine: loss less the lowest of base and single adapters": "loss",
    "right pair found, mathematics and code": "routing",
    "right pair found, medicine": "routing-options",
}


@pytest.fixture(scope="module")
def runs() -> dict[str, BenchmarkResult]:
    results = read_results(ROOT / "assets" / "results" / "gemma-3-270m.json")
    return {run.settings.selection.mode: run for run in results.runs}


def tables() -> list[dict[str, list[str]]]:
    """The README's tables of languages, in their order: cells by the heading of their row."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"\n\| \| Spanish[^\n]*\n[|-]+\n((?:\|[^\n]*\n)+)", text)
    rows = ([line.strip("| ").split(" | ") for line in table.splitlines()] for table in found)
    return [{row[0].strip("*"): row[1:] for row in table} for table in rows]


def method(row: str) -> str:
    return ENTRIES.get(row) or re.sub(r"(\w+) alone", r"adapter:\1", row)


@pytest.mark.parametrize(("place", "mode", "count"), [(0, "all", 12), (3, "pair", 3)])
def test_shares_are_those_of_the_results(
    runs: dict[str, BenchmarkResult], place: int, mode: str, count: int
) -> None:
    table = tables()[place]
    assert len(table) == count
    tasks = {task.task: {one.method: one for one in task.scores} for task in runs[mode].tasks}
    for row, cells in table.items():
        shares = [tasks[name][method(row)].both for name in WRITTEN]
        known = [one for one in shares if one is not None]
        wanted = [
            f"{100 * one.value:.0f} ({100 * one.low:.0f}–{100 * one.high:.0f})" for one in known
        ]
        mean = 100 * sum(one.value for one in known) / len(WRITTEN)
        assert cells == [*wanted, f"{mean:.1f}"], row


def test_losses_in_medicine_are_those_of_the_results(runs: dict[str, BenchmarkResult]) -> None:
    table = tables()[1]
    assert len(table) == 12
    tasks = {task.task: {one.method: one for one in task.scores} for task in runs["all"].tasks}
    for row, cells in table.items():
        losses = [tasks[f"{lang}_medical_test"][method(row)].loss for lang in LANGUAGES]
        known = [one for one in losses if one is not None]
        assert cells == [f"{one.value:.2f} ({one.low:.2f}–{one.high:.2f})" for one in known], row


def test_the_goals_are_judged_by_the_results(runs: dict[str, BenchmarkResult]) -> None:
    table = tables()[2]
    found = {(one.goal, one.lang): one for one in judged(list(runs.values()))}
    assert {GOALS[row] for row in table} == {goal for goal, _ in found}
    for row, cells in table.items():
        wanted = [found[GOALS[row], lang] for lang in LANGUAGES]
        assert cells == [f"{written(one)}: {met(one.met)}" for one in wanted], row


def written(one: Judged) -> str:
    if one.goal.startswith("routing"):
        return f"{100 * one.value:.1f} %"
    if one.goal == "loss":
        return f"{one.value:.2f}".replace("-", "−")
    if one.low is None or one.high is None:
        return points(one.value)
    low, high = (f"{100 * end:.1f}".replace("-", "−") for end in (one.low, one.high))
    return f"{points(one.value)} ({low} to {high})"


def points(share: float) -> str:
    number = f"{100 * share:+.1f}".replace("-", "−")
    return number if number.strip("+−0.") else "0.0"


def met(is_met: bool) -> str:
    return "met" if is_met else "**missed**"
