"""An answer: its heading, its tokens, and whether it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from analysis.measure.weight_settings import WeightSettings
from analysis.methods import methods
from app.state.settings.view_settings import ViewSettings
from app.state.settings.wording import in_words
from app.widgets.colours import colour_number
from app.widgets.words.said import joined, say

REFERENCE = "qa-flora"
"""The method whose answer the other answers are compared with."""

ShownToken: TypeAlias = tuple[str, float, str]
"""The text that a token adds, its probability, and the token with visible white space."""


@dataclass(frozen=True)
class Heading:
    """The heading of an answer.

    Attributes:
        name: The method's name, as `analysis` takes it.
        label: The title of the card.
        summary: One sentence about the rule behind it.
        of_divergence: Whether the rule reads divergences, which depend on the view settings.
        method: Name of the method in the list of methods; empty where the list lacks it.
        colour: Number of the colour of the adapter that answers alone; None where several adapters
            answer, or none.
    """

    name: str
    label: str
    summary: str = ""
    of_divergence: bool = False
    method: str = ""
    colour: int | None = None


@dataclass(frozen=True)
class Missing:
    """A method that cannot answer.

    Attributes:
        name: The method's name, as `analysis` takes it.
        label: The title of the card.
        method: Name of the method in the list of methods.
        reason: What it needs, and the remedy.
    """

    name: str
    label: str
    method: str
    reason: str

    @classmethod
    def of(cls, heading: Heading, reason: str) -> Missing:
        """A method with some heading."""
        return cls(heading.name, heading.label, heading.method, reason)


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right.

    Attributes:
        right: Whether it is.
        text: The verdict in words.
    """

    right: bool
    text: str


@dataclass
class ShownAnswer:
    """One answer, while it grows and afterwards.

    Attributes:
        heading: Its heading.
        tokens: Its tokens so far.
        end: Why it ended; None while it grows.
        first_difference: Index of the first token that differs from the reference answer's.
        verdict: Whether it is right, where that is known.
    """

    heading: Heading
    tokens: list[ShownToken] = field(default_factory=list)
    end: str | None = None
    first_difference: int | None = None
    verdict: Verdict | None = None

    @property
    def text(self) -> str:
        """The text of the tokens."""
        return "".join(delta for delta, _, _ in self.tokens)


def heading_of(
    name: str, labels: Mapping[str, str], settings: WeightSettings | None = None
) -> Heading:
    """The heading of a method's answer.

    Args:
        name: The method's name, with an adapter after a colon where the method takes one.
        labels: The adapters' labels by name.
        settings: How the method reads divergences, if it does.
    """
    rule, _, adapter = name.partition(":")
    method = methods()[rule]
    label = (
        say(f"{{adapter}} {method.label}", adapter=labels[adapter])
        if adapter
        else say(method.label)
    )
    colour = colour_number(list(labels).index(adapter)) if adapter else None
    summary = say(method.summary)
    if method.of_divergence and settings is not None:
        how = in_words(ViewSettings.with_weights(settings))
        summary = joined(" ", (summary, say("Answered with: {settings}.", settings=how)))
    return Heading(name, label, summary, method.of_divergence, method.name, colour)


def reference_among(names: Sequence[str]) -> int:
    """Index of the answer that the others are compared with: the reference's, else the first."""
    return names.index(REFERENCE) if REFERENCE in names else 0
