"""The goals that were set before the benchmark: which are met, in a table and in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.results.names import Names
from app.results.views import figures
from app.results.views.score_table import Cell, ScoreRow, ScoreTable
from app.widgets import text
from app.widgets.words.said import capital, joined, say

if TYPE_CHECKING:
    from analysis.benchmark.comparisons.goals import Judged
    from analysis.benchmark.results import BenchmarkResult

_WORDS = {
    "above-static": "at least {points} points above static fusion",
    "above-singles": "above each adapter alone",
    "near-pair": "at most {points} points below the right pair fused statically",
    "pair-above-static": "with the right pair alone, not below static fusion",
    "loss": "loss of the right answer below the base's and each single adapter's",
    "routing": "right pair found in at least {points}% of the items",
    "routing-options": "right pair found in at least {points}% of the items with options",
}
"""Each goal; `{points}` stands for its bound in percent."""

_UNITS = {"loss": "nats", "routing": "%", "routing-options": "%"}
"""The units of values that are not differences in points."""


def goals_table(runs: Sequence[BenchmarkResult], names: Names, tag: str) -> ScoreTable:
    """The goals down, the languages across; empty where the benchmarks measure none of them."""
    found = _judged(runs)
    languages = list(dict.fromkeys(one.lang for one in found))
    by_place = {(one.goal, one.lang): one for one in found}
    rows = [
        ScoreRow(
            Cell(capital(_words(goal))),
            tuple(_cell(by_place.get((goal, lang))) for lang in languages),
        )
        for goal in dict.fromkeys(one.goal for one in found)
    ]
    if not rows:
        return ScoreTable.empty()
    return ScoreTable(
        title=say("Goals, set before the benchmark of the bundled adapters"),
        tag=tag,
        sentence=say(
            "For qa-FLoRA with all adapters on, where nothing else is said. Right answers are "
            "those with a number or a function, each task of a language with the same weight. "
            "Brackets hold 95% intervals: a goal may be met or missed by chance."
        ),
        corner=say("Goal"),
        groups=(),
        columns=tuple(Cell(names.tag(lang)) for lang in languages),
        rows=tuple(rows),
    )


def goals_sentence(runs: Sequence[BenchmarkResult], names: Names) -> str:
    """How many goals are met, and which are missed in which languages; "" where there are none."""
    found = _judged(runs)
    if not found:
        return ""
    missed: dict[str, list[str]] = {}
    for one in found:
        if not one.met:
            missed.setdefault(one.goal, []).append(names.tag(one.lang))
    said = say(
        "{met} of the {count} goals set before are met.",
        met=sum(one.met for one in found),
        count=len(found),
    )
    if not missed:
        return said
    told = (_words(goal) + f" ({', '.join(langs)})" for goal, langs in missed.items())
    return said + say(" Missed: {goals}.", goals=joined("; ", told))


def _judged(runs: Sequence[BenchmarkResult]) -> Sequence[Judged]:
    # Imported here, because the page starts without the benchmark's modules.
    from analysis.benchmark.comparisons.goals import judged

    return judged(runs)


def _words(goal: str) -> str:
    from analysis.benchmark.comparisons.goals import GOALS

    bounds = {str(name): bound for name, bound in GOALS.items()}
    return say(_WORDS[goal], points=f"{100 * abs(bounds[goal]):.0f}")


def _cell(one: Judged | None) -> Cell:
    if one is None:
        return Cell(figures.UNKNOWN)
    if one.met:
        return Cell(say("✓ met"), _value(one))
    return Cell(say("✗ missed"), _value(one), "missed")


def _value(one: Judged) -> str:
    unit = _UNITS.get(one.goal, "points")
    if unit == "%":
        return text.percent(one.value, 1)
    if unit == "nats":
        return text.signed(one.value) + " nats"
    points = text.signed(100 * one.value, 1)
    if one.low is None or one.high is None:
        return points
    low, high = (text.fixed(100 * end, 1) for end in (one.low, one.high))
    return points + " (" + say("{low} to {high}", low=low, high=high) + ")"
