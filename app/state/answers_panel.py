"""The answers panel: its data, and the words beside each answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from analysis.methods import methods

REFERENCE = "qa-flora"
"""The method whose answer the other answers are compared with."""

ShownToken: TypeAlias = tuple[str, float, str]
"""The text that a token adds, its probability, and the token with visible white space."""

_ENDS = {
    "end token": "finished",
    "stop string": "stopped: it began a new turn",
    "length": "stopped at the length limit",
}


@dataclass(frozen=True)
class Heading:
    """The heading of an answer.

    Attributes:
        name: The method's name, as `analysis` takes it.
        label: The title of the card.
        summary: One sentence about the rule behind it.
        of_divergence: Whether the rule reads divergences, which depend on the view settings.
        method: Name of the method in the list of methods; empty where the list lacks it.
    """

    name: str
    label: str
    summary: str = ""
    of_divergence: bool = False
    method: str = ""


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


@dataclass
class Answer:
    """One answer, while it grows and afterwards.

    Attributes:
        heading: Its heading.
        tokens: Its tokens so far.
        end: Why it ended; None while it grows.
        first_difference: Index of the first token that differs from the reference answer's.
    """

    heading: Heading
    tokens: list[ShownToken] = field(default_factory=list)
    end: str | None = None
    first_difference: int | None = None


@dataclass(frozen=True)
class AnswerCard:
    """One answer as the panel shows it.

    Attributes:
        name: The method's name.
        label: The title of the card.
        summary: One sentence about the rule behind it.
        of_divergence: Whether the rule reads divergences, which depend on the view settings.
        method: Name of the method in the list of methods; empty where the list lacks it.
        start: Index of the first token in `tokens`; the panel has the tokens before it.
        tokens: The tokens from `start` on.
        end: Why the answer ended; None while it grows.
        facts: Length and end in words.
        first_difference: Index of the first token that differs from the reference answer's.
        difference_note: What that token says on hover.
    """

    name: str
    label: str
    summary: str
    of_divergence: bool
    method: str
    start: int
    tokens: Sequence[ShownToken]
    end: str | None
    facts: str
    first_difference: int | None
    difference_note: str

    @property
    def text(self) -> str:
        """The text of the tokens."""
        return "".join(delta for delta, _, _ in self.tokens)


@dataclass(frozen=True)
class AnswersPanel:
    """All answers to one query.

    Attributes:
        run: Number of the request, so that the panel knows when to start from empty cards.
        state: `waiting`, `running`, `done` or `stopped`.
        sentence: How to read the cards.
        rows: One card for each answer.
        missing: One card for each method that cannot answer.
    """

    run: int
    state: str
    sentence: str
    rows: tuple[AnswerCard, ...]
    missing: tuple[Missing, ...] = ()

    @classmethod
    def empty(cls, run: int = 0) -> AnswersPanel:
        """The panel before there are answers."""
        return cls(run, "waiting", "", ())


def heading_of(name: str, labels: Mapping[str, str]) -> Heading:
    """The heading of a method's answer.

    Args:
        name: The method's name, with an adapter after a colon where the method takes one.
        labels: The adapters' labels by name.
    """
    rule, _, adapter = name.partition(":")
    method = methods()[rule]
    label = f"{labels[adapter]} {method.label}" if adapter else method.label
    return Heading(name, label, method.summary, method.of_divergence, method.name)


def reference_among(names: Sequence[str]) -> int:
    """Index of the answer that the others are compared with: the reference's, else the first."""
    return names.index(REFERENCE) if REFERENCE in names else 0


def answers_panel(
    run: int,
    state: str,
    answers: Sequence[Answer],
    reference: int | None,
    starts: Sequence[int] | None = None,
    missing: tuple[Missing, ...] = (),
) -> AnswersPanel:
    """The panel of some answers.

    Args:
        run: Number of the request.
        state: `waiting`, `running`, `done` or `stopped`.
        answers: The answers.
        reference: Index of the answer that the others are compared with, or None.
        starts: For each answer, the index of the first token to send; all tokens by default.
        missing: The methods that cannot answer.
    """
    label = None if reference is None else answers[reference].heading.label
    cards = [
        _card(answer, start, label)
        for answer, start in zip(answers, starts or [0] * len(answers), strict=True)
    ]
    return AnswersPanel(run, state, _sentence(len(answers), label), tuple(cards), missing)


def _card(answer: Answer, start: int, reference: str | None) -> AnswerCard:
    count = len(answer.tokens)
    facts = [f"{count} token{'' if count == 1 else 's'}"] if count else []
    if answer.end:
        facts.append(_ENDS.get(answer.end, "stopped"))
    differs = answer.first_difference is not None
    return AnswerCard(
        name=answer.heading.name,
        label=answer.heading.label,
        summary=answer.heading.summary,
        of_divergence=answer.heading.of_divergence,
        method=answer.heading.method,
        start=start,
        tokens=answer.tokens[start:],
        end=answer.end,
        facts=" · ".join(facts),
        first_difference=answer.first_difference,
        difference_note=f"first difference from the {reference} answer" if differs else "",
    )


def _sentence(count: int, reference: str | None) -> str:
    if not count:
        return ""
    how = (
        "Point at a word or tap it to see its probability. In a selected answer, the arrow keys "
        "move from word to word."
    )
    if reference is None or count == 1:
        return how
    return f"{how} The mark shows the first difference from the {reference} answer."
