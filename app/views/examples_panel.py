"""The panel of example questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.widgets import text
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from app.state.examples import Example


@dataclass(frozen=True)
class ExampleButton:
    """The button of an example question.

    Attributes:
        label: Its text.
        description: The question, and the adapters that it is asked with; shown on hover.
        query: The question.
        gloss: The question in English; empty if it is in English.
    """

    label: str
    description: str
    query: str = ""
    gloss: str = ""


@dataclass(frozen=True)
class ExamplesPanel:
    """The example questions.

    Attributes:
        buttons: One button for each question.
    """

    buttons: tuple[ExampleButton, ...]


def examples_panel(examples: Sequence[Example], labels: Mapping[str, str]) -> ExamplesPanel:
    """The example questions, each with the adapters that it is asked with."""
    return ExamplesPanel(tuple(_button(example, labels) for example in examples))


def _button(example: Example, labels: Mapping[str, str]) -> ExampleButton:
    names = example.among(list(labels))
    lines = [example.query]
    if example.gloss:
        lines.append(say("In English: {gloss}", gloss=example.gloss))
    if len(names) < len(labels):
        adapters = text.listed([labels[name] for name in names])
        lines.append(say("with {adapters}", adapters=adapters))
    return ExampleButton(example.label, joined("\n", lines), example.query, example.gloss)
