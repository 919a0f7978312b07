"""Names for people: of methods, tasks and groups of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.methods import methods
from analysis.models.collection import Collection
from app.widgets import text
from app.widgets.labels import labels_of
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.benchmark.results import BenchmarkResult, TaskResult

_ALONE = "adapter:"
_REFERENCES = {
    "oracle-pair": say("Right pair, static"),
    "best-single": say("Best adapter alone"),
    "copy": say("Copy of the question"),
}
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Names:
    """The names of a collection's parts. Results may name parts that the collection lacks.

    Attributes:
        adapters: Labels of the adapters by name.
        tags: Labels of the adapters by the language or domain that they belong to.
    """

    adapters: Mapping[str, str]
    tags: Mapping[str, str]

    @classmethod
    def of(cls, collection: Collection) -> Names:
        """The names of a collection."""
        labels = labels_of(collection)
        tags = {entry.tag: labels[entry.name] for entry in collection.adapters}
        return cls(labels, tags)

    def adapter(self, name: str) -> str:
        """The label of an adapter."""
        return self.adapters.get(name) or text.plain(name)

    def tag(self, tag: str) -> str:
        """The name of a language or a domain."""
        return self.tags.get(tag) or text.plain(tag)

    def method(self, name: str) -> str:
        """The name of a method of the benchmark."""
        if name.startswith(_ALONE):
            return say("{adapter} alone", adapter=self.adapter(name.removeprefix(_ALONE)))
        known = methods().get(name)
        return _REFERENCES.get(name) or (say(known.label) if known else text.plain(name))

    def task(self, task: TaskResult) -> str:
        """The name of a task: its language and domain where all its items share them."""
        parts = {(item.lang, item.domain) for item in task.items}
        if len(parts) != 1:
            return text.plain(task.task)
        ((lang, domain),) = parts
        return f"{self.tag(lang)} · {self.tag(domain)}"

    def group(self, group: str) -> str:
        """The name of a group of tasks, such as `es: math, code`."""
        head, _, parts = group.partition(": ")
        named = ", ".join(self.tag(part) for part in parts.split(", ") if part)
        first = say("All languages") if head == "all languages" else self.tag(head)
        return joined(": ", (first, named)) if named else first

    def selection(self, run: BenchmarkResult) -> str:
        """The adapters that a benchmark fused, in words that follow `with`."""
        chosen = run.settings.selection
        if chosen.mode == "pair":
            return say("the right pair")
        if chosen.mode == "all":
            count = len(chosen.adapters)
            named = say(_COUNTS[count]) if count < len(_COUNTS) else str(count)
            return say("all {count} adapters on", count=named)
        return text.listed([self.adapter(name) for name in chosen.adapters])

    def part(self, run: BenchmarkResult) -> str:
        """What a benchmark of a part of the items asked: its adapters, methods and items."""
        facts = {"selection": self.selection(run), "count": len(_fusing(run))}
        if run.settings.limit is not None:
            return say(
                "{selection} (first items of each task: {items}; methods: {count})",
                **facts,
                items=run.settings.limit,
            )
        items = sum(len(task.items) for task in run.tasks)
        return say("{selection} (items: {items}; methods: {count})", **facts, items=items)


def _fusing(run: BenchmarkResult) -> set[str]:
    scores = [score for task in run.tasks for score in task.scores]
    return {one.method for one in scores if one.kind == "method" and not is_alone(one.method)}


def is_alone(method: str) -> bool:
    """Whether a method answers with one adapter alone."""
    return method.startswith(_ALONE)
