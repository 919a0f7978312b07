"""The findings panel: the result in one sentence, and the parts that it was made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from analysis.models.collection import Base, Collection
from app.results.names import Names
from app.results.result_file import ResultFile
from app.results.views.finding import finding, scope
from app.results.views.goals_table import goals_sentence
from app.results.views.making import commands, details
from app.widgets import text
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.benchmark.joined import JoinedResults
    from analysis.benchmark.results import BenchmarkResult

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True)
class FindingsPanel:
    """The head of the tab.

    Attributes:
        state: `found`, `missing` or `failed`.
        sentence: The finding, or why there is none.
        goals: Which of the goals that were set before are met and missed; empty without any.
        facts: The tasks of the sentence, number of items, base, precision and date.
        warning: Why the results do not describe this page; empty where they do.
        details: How the results were made: names and values.
        commands: The commands that make them again, or that make them.
    """

    state: str
    sentence: str
    goals: str = ""
    facts: tuple[str, ...] = ()
    warning: str = ""
    details: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()

    @classmethod
    def empty(cls) -> FindingsPanel:
        """The panel before the file is read."""
        return cls("reading", say("Reading the results."))


def findings_panel(file: ResultFile, collection: Collection, names: Names) -> FindingsPanel:
    """The head of the tab for a result file, also for one that is missing or damaged."""
    if file.results is None:
        return FindingsPanel(
            "failed" if file.problem else "missing",
            say("The results of this collection cannot be shown.") + f" {file.problem}"
            if file.problem
            else say(
                "There are no results for this collection yet. These commands make them; then "
                "load this page again."
            ),
            commands=commands(collection),
        )
    runs = file.results.runs
    return FindingsPanel(
        "found",
        finding(runs, names),
        goals_sentence(runs, names),
        _facts(file.results, names),
        joined(" ", (one for one in (_warning(file.differing), *_unread(file)) if one)),
        details(file.results),
    )


def _facts(results: JoinedResults, names: Names) -> tuple[str, ...]:
    run = results.runs[0]
    items = sum(len(task.items) for task in run.tasks)
    computation = run.settings.provenance.computation
    facts = [
        say("Average, {tasks}; brackets hold 95% intervals", tasks=scope(run, names)[0]),
        _size(items, len(run.tasks)),
        _base(run),
        say("{dtype} on {device}", dtype=computation.dtype, device=computation.device.upper())
        if computation
        else "",
        _day(results.date),
    ]
    return tuple(text.plain(fact) for fact in facts if fact)


def _size(items: int, tasks: int) -> str:
    written = f"{items:,}".replace(",", "\u202f")
    if tasks == 1:
        return say("{items} items in 1 task", items=written)
    return say("{items} items in {tasks} tasks", items=written, tasks=tasks)


def _base(run: BenchmarkResult) -> str:
    base = run.settings.provenance.base
    return Base("embedded").title if base == "embedded" else base


def _day(iso: str) -> str:
    try:
        day = date.fromisoformat(iso)
    except ValueError:
        return ""
    return say(
        "{day} {month} {year}", day=day.day, month=say(_MONTHS[day.month - 1]), year=day.year
    )


def _warning(differing: Sequence[str]) -> str:
    if not differing:
        return ""
    return say(
        "These results were made with other files of the {parts} than this page has, so they do "
        "not describe its answers.",
        parts=text.listed([say(part) for part in differing]),
    )


def _unread(file: ResultFile) -> Sequence[str]:
    """What is said of the parts that cannot be shown."""
    return [
        joined(" ", (say("A part of the results cannot be shown."), part.problem))
        for part in file.parts
        if part.problem
    ]
