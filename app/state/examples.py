"""The example questions that the page offers."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

from app.widgets.panels import ASSETS


@dataclass(frozen=True)
class Example:
    """A question to begin with.

    Attributes:
        label: What stands on its chip.
        query: The question.
        adapters: Names of those that it needs at once; none where it is no composite one.
        alone: Name of the one that is worth hearing alone beside the answers.
    """

    label: str
    query: str
    adapters: tuple[str, ...] = ()
    alone: str = ""

    def among(self, names: Sequence[str]) -> list[str]:
        """The adapters to ask it with: its own, or all where some of these are not there."""
        own = [name for name in names if name in self.adapters]
        return own if own and len(own) == len(self.adapters) else list(names)


def load_examples() -> tuple[Example, ...]:
    """The examples, in their file's order."""
    text = (ASSETS / "examples" / "queries.toml").read_text(encoding="utf-8")
    return tuple(
        Example(entry["label"], entry["query"], tuple(entry.get("adapters", ())), entry["alone"])
        for entry in tomllib.loads(text)["examples"]
    )
