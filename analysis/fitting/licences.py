"""Licences of task items."""

from __future__ import annotations

from analysis.benchmark.tasks import Item, Task
from analysis.common.digests import file_digest
from analysis.training.texts.sources import ASSETS

_OWN = "Apache-2.0"


def license_of(task: Task, item: Item) -> str:
    """The licence that an item names; that of the bundled files; or that none is named."""
    named = item.more.get("license")
    if isinstance(named, str) and named:
        return named
    bundled = ASSETS / "tasks" / f"{task.name}.jsonl"
    if bundled.is_file() and file_digest(bundled) == task.sha256:
        return _OWN
    return "no licence named"
