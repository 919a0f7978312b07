"""Licences of task items."""

from __future__ import annotations

from analysis.benchmark.tasks import Item, Task, read_task
from analysis.common.errors import InputError
from analysis.training.texts.sources import ASSETS

_OWN = "Apache-2.0"


def license_of(task: Task, item: Item) -> str:
    """The licence that an item names; that of the bundled files; or that none is named."""
    named = item.more.get("license")
    if isinstance(named, str) and named:
        return named
    bundled = ASSETS / "tasks" / f"{task.name}.jsonl"
    if bundled.is_file():
        try:
            if read_task(bundled).sha256 == task.sha256:
                return _OWN
        except InputError:
            pass
    return "no licence named"
