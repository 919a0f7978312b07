"""The findings panel: the result in one sentence, and the parts that it was made with."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from analysis.benchmark.comparisons.groups import is_written
from analysis.models.collection import Base, Collection
from analysis.models.manifest import COLLECTIONS
from analysis.models.provenance import AdapterFile
from app.results.lookup import compared, headline
from app.results.names import Names
from app.results.result_file import ResultFile, path_of
from app.results.views import figures
from app.results.views.differences_panel import is_settled
from app.results.views.goals_table import goals_sentence
from app.widgets import text
from app.widgets.words.said import capital, joined, say

if TYPE_CHECKING:
    from analysis.benchmark.comparisons.comparison import Comparison, Difference
    from analysis.benchmark.joined import JoinedResults
    from analysis.benchmark.results import BenchmarkResult

_ORACLE = "oracle-pair"
_METHODS = "base,adapter:*,static,sum,qa-flora"
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_TASKS = COLLECTIONS.parent / "tasks"


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
            commands=_commands(collection),
        )
    runs = file.results.runs
    return FindingsPanel(
        "found",
        finding(runs, names),
        goals_sentence(runs, names),
        _facts(file.results, names),
        joined(" ", (one for one in (_warning(file.differing), *_unread(file)) if one)),
        _details(file.results),
    )


def finding(runs: Sequence[BenchmarkResult], names: Names) -> str:
    """The result in one sentence, from the numbers: one clause for each benchmark."""
    clauses = [clause for run in runs if (clause := _clause(run, names))]
    if not clauses:
        return say("One method alone was measured, so there is nothing to compare.")
    return joined("; ", (capital(clauses[0]), *clauses[1:])) + "."


def _clause(run: BenchmarkResult, names: Names) -> str:
    _, comparisons = _scope(run, names)
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
    oracle = None if of_pair else next((c for c in comparisons if c.reference == _ORACLE), None)
    return say(
        "with {selection}, {method} gives {difference}",
        selection=names.selection(run),
        method=names.method(method),
        difference=_more(difference, names.method(comparison.reference)) + _beside(oracle, method),
    )


def _scope(run: BenchmarkResult, names: Names) -> tuple[str, Sequence[Comparison]]:
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


def _facts(results: JoinedResults, names: Names) -> tuple[str, ...]:
    run = results.runs[0]
    items = sum(len(task.items) for task in run.tasks)
    computation = run.settings.provenance.computation
    facts = [
        say("Average, {tasks}; brackets hold 95% intervals", tasks=_scope(run, names)[0]),
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


def _details(results: JoinedResults) -> tuple[tuple[str, str], ...]:
    settings = results.runs[0].settings
    made, weights = settings.provenance, settings.weight_settings
    chosen = joined("; ", (_chosen(run) for run in results.runs))
    rule = (weights.lens, weights.metric, weights.position, weights.normalisation)
    longest = ", ".join(f"{kind} {most}" for kind, most in settings.new_tokens.items())
    rows = [
        (say("Fused adapters"), chosen),
        (say("Methods"), ", ".join(settings.methods)),
        (say("Lens, metric, position, normalisation"), ", ".join(rule)),
        (
            say("Prompt form"),
            text.visible(settings.prompt_form)
            if settings.prompt_form
            else say("the tokenizer's chat template"),
        ),
        (say("Longest answers"), say("{count} tokens", count=longest)),
        (
            say("Bootstrap"),
            say(
                "{count} samples of clusters, seed {seed}",
                count=settings.resamples,
                seed=settings.seed,
            ),
        ),
        (
            say("Items of a task"),
            say("all")
            if settings.limit is None
            else say("the first {count}", count=settings.limit),
        ),
        (say("Versions"), ", ".join(f"{name} {one}" for name, one in made.versions.items())),
        *((say("Task {name}", name=one.name), f"SHA-256 {one.sha256}") for one in settings.tasks),
        *((say("Base {name}", name=one.name), f"SHA-256 {one.sha256}") for one in made.base_files),
        *((say("Adapter {name}", name=place), _digests(file))
          for place, file in enumerate(made.adapters, start=1)),
    ]  # fmt: skip
    return tuple((text.plain(name), text.plain(value)) for name, value in rows)


def _digests(file: AdapterFile) -> str:
    own = f"SHA-256 {file.sha256}"
    if not file.config_sha256:
        return own
    return own + say(", of its configuration {digest}", digest=file.config_sha256)


def _chosen(run: BenchmarkResult) -> str:
    selection = run.settings.selection
    if selection.mode == "pair":
        return say("each item's language adapter and task adapter")
    return ", ".join(selection.adapters)


def _commands(collection: Collection) -> tuple[str, ...]:
    path = path_of(collection)
    bundled = collection.folder.name == path.stem
    # A folder's place on this machine is not a visitor's business.
    place = shlex.quote(f"assets/results/{path.name}" if bundled else f"COLLECTION/{path.name}")
    of = (
        f" --collection {shlex.quote(collection.folder.name)}"
        if bundled
        else " --collection COLLECTION"
    )
    files = _files(collection)
    if not files:
        # No file of the project has a pair in this collection; one's own task files have none here.
        return (
            f"python -m analysis benchmark --tasks assets/tasks/*_test.jsonl{of} "
            f"--methods {_METHODS} --all --out runs/all",
            f"python -m analysis benchmark --join runs/all --out {place}",
        )
    start = f"python -m analysis benchmark --tasks {' '.join(files)}{of} --methods {_METHODS}"
    return (
        f"{start},{_ORACLE} --all --out runs/all",
        f"{start} --pair --out runs/pair",
        f"python -m analysis benchmark --join runs/all runs/pair --out {place}",
    )


def _files(collection: Collection) -> list[str]:
    """The project's test files of a language and a task for which the collection has adapters.

    Their names say both; `--pair` refuses items without a pair.
    """

    def tags(kind: str) -> list[str]:
        found = [entry.tag for entry in collection.adapters if entry.kind == kind and entry.tag]
        return [tag for tag in dict.fromkeys(found) if found.count(tag) == 1]

    names = (f"{language}_{task}_test.jsonl" for language in tags("language")
             for task in tags("task"))  # fmt: skip
    return [f"assets/tasks/{name}" for name in names if (_TASKS / name).is_file()]
