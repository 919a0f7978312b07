"""The best adapter alone, known afterwards: an oracle that runs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from analysis.benchmark.entries import BEST_SINGLE, Entry
from analysis.benchmark.results import ItemResult
from analysis.benchmark.tasks import Task

_ALONE = "adapter:"

Answers = Mapping[tuple[str, str, str], ItemResult]
"""Item results by task, method and item."""


def best_single_answers(
    tasks: Sequence[Task], entries: Mapping[str, tuple[Entry, ...]], answers: Answers
) -> Answers:
    """For each task with such an entry, the answers of its best adapter alone, as the entry's."""
    found = {}
    for task in tasks:
        names = [entry.name for entry in entries[task.name]]
        if BEST_SINGLE in names:
            best = best_single(task, names, answers)
            for item in task.items:
                of_best = answers[task.name, best, item.id]
                found[task.name, BEST_SINGLE, item.id] = replace(
                    of_best, method=BEST_SINGLE, seconds=0.0
                )
    return found


def best_single(task: Task, names: Sequence[str], answers: Answers) -> str:
    """The adapter alone that has the best score on this very task.

    The score is the share of answers that are right and in the language, or right alone where the
    language is unknown; of tasks whose items all give options, the loss of the right answer, where
    each item has it. With equal shares, a lower loss decides, then the order of the names.

    Args:
        task: The task.
        names: Names of its entries, with at least one adapter alone.
        answers: The answers of its entries.
    """
    alone = {
        name: [answers[task.name, name, item.id] for item in task.items]
        for name in names
        if name.startswith(_ALONE)
    }
    options = all(item.type in ("mcq", "yesno") for item in task.items)
    known = all(one.both is not None for own in alone.values() for one in own)

    def place(name: str) -> tuple[float, float]:
        own = alone[name]
        losses = [one.loss for one in own if one.loss is not None]
        loss = fmean(losses) if losses else 0.0
        if options and len(losses) == len(own):
            return loss, 0.0
        return -sum(bool(one.both if known else one.right) for one in own), loss

    return min(alone, key=place)
