"""Groups of tasks, over which comparisons are averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from analysis.benchmark.tasks import Item, ItemType, Task

# Items of other types are answered by the choice of an option.
_WRITTEN: tuple[ItemType, ...] = ("numeric", "function")


class OfItems(Protocol):
    """A task, or its result."""

    @property
    def items(self) -> tuple[Item, ...]:
        """The items."""


def is_written(task: OfItems) -> bool:
    """Whether all answers of a task are numbers or functions, and none is a choice of options."""
    return all(item.type in _WRITTEN for item in task.items)


@dataclass(frozen=True)
class TaskGroup:
    """Two tasks or more.

    Attributes:
        name: Name of the group, such as `es: math, code`.
        tasks: The tasks.
    """

    name: str
    tasks: tuple[Task, ...]


def groups_of(tasks: Sequence[Task]) -> tuple[TaskGroup, ...]:
    """The groups of some tasks: those of each language, those of each domain, and all.

    Within a language and over all, tasks with written answers (numbers and functions) also make a
    group apart from tasks with options: the shares of the two mean different things. A set of tasks
    that several groups would have makes one group.
    """
    written = [task for task in tasks if is_written(task)]
    options = [task for task in tasks if task not in written]
    found: dict[frozenset[str], TaskGroup] = {}

    def add(name: str, other: Callable[[Item], str], members: Sequence[Task]) -> None:
        parts = dict.fromkeys(part for task in members if (part := _only(task, other)))
        if len(members) > 1:
            of_tasks = frozenset(task.name for task in members)
            found.setdefault(of_tasks, TaskGroup(f"{name}: {', '.join(parts)}", tuple(members)))

    for lang in _parts(tasks, _lang):
        for some in (tasks, written, options):
            add(lang, _domain, [task for task in some if _only(task, _lang) == lang])
    for domain in _parts(tasks, _domain):
        add(domain, _lang, [task for task in tasks if _only(task, _domain) == domain])
    for some in (written, options, tasks):
        add("all languages", _domain, some)
    return tuple(found.values())


def _lang(item: Item) -> str:
    return item.lang


def _domain(item: Item) -> str:
    return item.domain


def _only(task: Task, part: Callable[[Item], str]) -> str:
    """The language or domain that all items of a task have; "" where they have several."""
    values = {part(item) for item in task.items}
    return values.pop() if len(values) == 1 else ""


def _parts(tasks: Sequence[Task], part: Callable[[Item], str]) -> list[str]:
    return [value for value in dict.fromkeys(_only(task, part) for task in tasks) if value]
