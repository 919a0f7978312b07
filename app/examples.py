"""The example questions that the page offers."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from app.panels import ASSETS


@dataclass(frozen=True)
class Example:
    """A question to begin with.

    Attributes:
        label: What stands on its chip.
        query: The question.
    """

    label: str
    query: str


def load_examples() -> tuple[Example, ...]:
    """The examples, in their file's order."""
    text = (ASSETS / "examples" / "queries.toml").read_text(encoding="utf-8")
    return tuple(Example(**entry) for entry in tomllib.loads(text)["examples"])
