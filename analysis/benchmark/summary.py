"""From item results to scores and comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from analysis.benchmark.comparisons.comparison import Comparison, Measure, Scores, compare
from analysis.benchmark.comparisons.groups import TaskGroup, groups_of
from analysis.benchmark.entries import COPY, Entry
from analysis.benchmark.fusion.profiles import layer_profile
from analysis.benchmark.fusion.records import Fusions
from analysis.benchmark.fusion.routing import routings
from analysis.benchmark.results import (
    BenchmarkResult,
    GroupResult,
    ItemResult,
    MethodScore,
    TaskResult,
)
from analysis.benchmark.scoring.best_single import Answers, best_single_answers
from analysis.benchmark.scoring.item_scores import copied
from analysis.benchmark.settings import Settings
from analysis.benchmark.statistics import mean_interval, share
from analysis.benchmark.tasks import Item, Task
from analysis.models.collection import AdapterEntry

_REFERENCE = "static"


def summarise(
    settings: Settings,
    tasks: Sequence[Task],
    entries: Mapping[str, tuple[Entry, ...]],
    answers: Answers,
    fusions: Fusions,
    adapters: Sequence[AdapterEntry],
) -> BenchmarkResult:
    """The result of a benchmark whose items are all answered.

    Args:
        settings: The settings.
        tasks: The tasks.
        entries: The entries of each task.
        answers: The answer to every item of every entry that runs a model.
        fusions: The fusions of the entries that fuse.
        adapters: The collection's.
    """
    answers = {**answers, **best_single_answers(tasks, entries, answers)}
    copies = {
        (task.name, COPY, item.id): _copy(task.name, item) for task in tasks for item in task.items
    }
    ordered = tuple(
        answers[task.name, entry.name, item.id]
        for task in tasks
        for entry, item in product(entries[task.name], task.items)
    )
    return BenchmarkResult(
        settings=settings,
        settings_digest=settings.digest,
        tasks=tuple(
            _task(task, entries[task.name], {**answers, **copies}, fusions, adapters, settings)
            for task in tasks
        ),
        groups=tuple(group_result(group, entries, answers, settings) for group in groups_of(tasks)),
        answers=(*ordered, *(one for one in copies.values() if one.right is not None)),
    )


def _task(
    task: Task,
    entries: tuple[Entry, ...],
    answers: Answers,
    fusions: Fusions,
    adapters: Sequence[AdapterEntry],
    settings: Settings,
) -> TaskResult:
    copy = Entry(COPY, "copy", COPY)
    copyable = all(answers[task.name, COPY, item.id].right is not None for item in task.items)
    fused = {
        entry.name: [
            fusions[key]
            for item in task.items
            if (key := (task.name, entry.name, item.id)) in fusions
        ]
        for entry in entries
    }
    names = [entry.name for entry in adapters]
    return TaskResult(
        task=task.name,
        items=task.items,
        scores=tuple(
            _method(task, entry, answers, settings)
            for entry in (*entries, *([copy] if copyable else []))
        ),
        comparisons=comparisons_of([task], entries, answers, settings),
        profiles=tuple(layer_profile(name, own, names) for name, own in fused.items() if own),
        routing=routings(task.items, [one for own in fused.values() for one in own], adapters),
    )


def _method(task: Task, entry: Entry, answers: Answers, settings: Settings) -> MethodScore:
    own = [answers[task.name, entry.name, item.id] for item in task.items]
    judged = [one.in_language for one in own if one.in_language is not None]
    both = [one.both for one in own if one.both is not None]
    losses = [
        (one.loss, item.cluster)
        for one, item in zip(own, task.items, strict=True)
        if one.loss is not None
    ]
    return MethodScore(
        method=entry.name,
        kind=entry.kind,
        items=len(own),
        right=share(bool(one.right) for one in own),
        in_language=share(judged) if judged else None,
        # Over some of the items alone it would not compare with the share that is right.
        both=share(both) if len(both) == len(own) else None,
        loss=mean_interval(
            np.array([loss for loss, _ in losses]),
            [cluster for _, cluster in losses],
            seed=settings.seed,
            resamples=settings.resamples,
        )
        if losses
        else None,
        seconds=round(sum(one.seconds for one in own), 1),
    )


def _copy(task: str, item: Item) -> ItemResult:
    found = copied(item)
    # A copy is made of the question's own words, so its language is right.
    return ItemResult(
        task=task,
        method=COPY,
        item=item.id,
        text=found.extracted or "",
        end="",
        extracted=found.extracted,
        right=found.right,
        in_language=None,
        both=found.right,
    )


def _shared(tasks: Sequence[Task], entries: Mapping[str, tuple[Entry, ...]]) -> tuple[Entry, ...]:
    """The entries that all tasks have."""
    return tuple(
        entry
        for entry in entries[tasks[0].name]
        if all(entry in entries[task.name] for task in tasks)
    )


def comparisons_of(
    tasks: Sequence[Task], entries: tuple[Entry, ...], answers: Answers, settings: Settings
) -> tuple[Comparison, ...]:
    """The methods of some tasks compared, by each measure that all their items have."""
    if len(entries) < 2:
        return ()
    names = tuple(entry.name for entry in entries)
    ranked = [entry.name for entry in entries if entry.kind == "method"]
    if not ranked:
        return ()
    reference = _REFERENCE if _REFERENCE in names else ranked[0]
    references = [reference, *(entry.name for entry in entries if entry.kind == "oracle")]
    known = all(answers[task.name, name, item.id].both is not None
                for task in tasks for item in task.items for name in names)  # fmt: skip
    measures: tuple[Measure, ...] = ("both" if known else "right", "loss")
    return tuple(
        compare(scores, one, ranked, seed=settings.seed, resamples=settings.resamples)
        for one in references
        for measure in measures
        if (scores := _scores(tasks, names, answers, measure)) is not None
    )


def group_result(
    group: TaskGroup,
    entries: Mapping[str, tuple[Entry, ...]],
    answers: Answers,
    settings: Settings,
) -> GroupResult:
    """The methods that all tasks of a group have, compared over the group."""
    found = comparisons_of(group.tasks, _shared(group.tasks, entries), answers, settings)
    # Of a measure that one task alone has, there is no average.
    with_gold = sum(any(item.gold_answer for item in task.items) for task in group.tasks)
    return GroupResult(
        group.name,
        tuple(task.name for task in group.tasks),
        tuple(one for one in found if one.measure != "loss" or with_gold > 1),
    )


def _scores(
    tasks: Sequence[Task], names: tuple[str, ...], answers: Answers, measure: Measure
) -> Scores | None:
    """The scores of the items that have some; None where none has."""
    values: list[list[float]] = []
    clusters: list[str] = []
    weights: list[float] = []
    for task in tasks:
        rows = [
            ([answers[task.name, name, item.id] for name in names], item.cluster)
            for item in task.items
        ]
        found = [
            ([getattr(one, measure) for one in row], cluster)
            for row, cluster in rows
            if all(getattr(one, measure) is not None for one in row)
        ]
        if not found:
            continue
        values += [[float(value) for value in row] for row, _ in found]
        clusters += [cluster for _, cluster in found]
        # Each task counts the same, however many items it has.
        weights += [1 / len(found)] * len(found)
    if not values:
        return None
    return Scores(
        measure, names, np.array(values), tuple(clusters), np.array(weights), pooled=len(tasks) > 1
    )
