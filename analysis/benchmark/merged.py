"""Benchmarks of the same items and adapters, of different methods, merged into one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from analysis.benchmark.comparisons.groups import groups_of
from analysis.benchmark.entries import COPY, Entry
from analysis.benchmark.results import BenchmarkResult, ItemResult, TaskResult
from analysis.benchmark.summary import comparisons_of, group_result
from analysis.benchmark.tasks import Task


def merged(
    runs: Sequence[BenchmarkResult], note: Callable[[str], None] | None = None
) -> tuple[BenchmarkResult, ...]:
    """The benchmarks, those that differ in nothing but their methods as one.

    The methods are compared anew: ties, ranks and the correction for many tests are over all of
    them. The scores of a method do not change.

    Args:
        runs: Benchmarks of the same tasks. Where two asked the same method, the first counts.
        note: Told in a sentence where the answers of such a method differ.
    """
    by_settings: dict[str, list[BenchmarkResult]] = {}
    for run in runs:
        by_settings.setdefault(_all_but_methods(run), []).append(run)
    return tuple(
        same[0] if len(same) == 1 else _merged(same, note) for same in by_settings.values()
    )


def _all_but_methods(run: BenchmarkResult) -> str:
    plain = run.settings.plain()
    # The bootstrap is drawn anew; the rows that are decoded together change last digits alone.
    for name in ("methods", "seed", "resamples", "step_entries"):
        del plain[name]
    return json.dumps(plain, sort_keys=True)


def _merged(runs: Sequence[BenchmarkResult], note: Callable[[str], None] | None) -> BenchmarkResult:
    methods = dict.fromkeys(name for run in runs for name in run.settings.methods)
    settings = replace(runs[0].settings, methods=tuple(methods))
    answers: dict[tuple[str, str, str], ItemResult] = {}
    differing: dict[str, int] = {}
    for run in runs:
        for one in run.answers:
            kept = answers.setdefault((one.task, one.method, one.item), one)
            if _judged(kept) != _judged(one):
                differing[one.method] = differing.get(one.method, 0) + 1
    if note is not None:
        for name, count in differing.items():
            note(f"{name}: {count} answers differ between two of the runs; the first run's count.")
    tasks = [
        Task(task.task, file.sha256, task.items)
        for task, file in zip(runs[0].tasks, settings.tasks, strict=True)
    ]
    entries = {task.name: _entries(task.name, runs) for task in tasks}
    ordered = [
        answers[task.name, entry.name, item.id]
        for task in tasks
        for entry, item in product(entries[task.name], task.items)
    ]
    copies = [one for one in answers.values() if one.method == COPY]
    return BenchmarkResult(
        settings=settings,
        settings_digest=settings.digest,
        tasks=tuple(
            replace(
                _of_all_methods([run.tasks[place] for run in runs]),
                comparisons=comparisons_of([task], entries[task.name], answers, settings),
            )
            for place, task in enumerate(tasks)
        ),
        groups=tuple(group_result(one, entries, answers, settings) for one in groups_of(tasks)),
        answers=(*ordered, *copies),
    )


def _judged(answer: ItemResult) -> tuple[object, ...]:
    return answer.text, answer.right, answer.both


def _entries(task: str, runs: Sequence[BenchmarkResult]) -> tuple[Entry, ...]:
    """The entries of a task in all runs but the copy, which belongs to no comparison."""
    kinds = {
        score.method: score.kind
        for run in runs
        for found in run.tasks
        if found.task == task
        for score in found.scores
    }
    return tuple(Entry(name, kind, name) for name, kind in kinds.items() if kind != "copy")


def _of_all_methods(parts: Sequence[TaskResult]) -> TaskResult:
    """One task's scores, profiles and routing of several runs; each method's first ones."""
    scores = {one.method: one for part in reversed(parts) for one in part.scores}
    profiles = {one.method: one for part in reversed(parts) for one in part.profiles}
    order = dict.fromkeys(_methods(parts))
    return replace(
        parts[0],
        scores=tuple(scores[name] for name in order),
        profiles=tuple(profiles[name] for name in order if name in profiles),
        routing=next((part.routing for part in parts if part.routing), ()),
    )


def _methods(parts: Sequence[TaskResult]) -> Iterator[str]:
    """The methods of several runs in their order, copies last."""
    names = [score.method for part in parts for score in part.scores]
    yield from (name for name in names if name != COPY)
    yield from (name for name in names if name == COPY)
