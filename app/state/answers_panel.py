"""The answers panel: its data, and the words beside each answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from analysis.measure.weight_settings import WeightSettings
from analysis.methods import methods
from app.state.view_settings import ViewSettings
from app.widgets.theme import colour_number

REFERENCE = "qa-flora"
"""The method whose answer the other answers are compared with."""

ShownToken: TypeAlias = tuple[str, float, str]
"""The text that a token adds, its probability, and the token with visible white space."""

_ENDS = {
    "end token": "finished",
    "stop string": "stopped: it began a new turn",
    "length": "stopped at the length limit",
}

# Of program text: a fence, or a line that begins as Python or a shell command does.
_CODE = re.compile(
    r"```|^[ \t]*(?:def \w+\(|class \w+|import \w+|from \w+ import |print\(|return |#!/)",
    re.MULTILINE,
)


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
class Answer:
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
        facts: Length, end and equal answers in words.
        first_difference: Index of the first token that differs from the reference answer's.
        difference_note: What that token says on hover.
        colour: Number of the colour of the adapter that answers alone, or None.
        code: Whether the answer is program text.
        verdict: Whether the answer is right, where that is known.
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
    colour: int | None = None
    code: bool = False
    verdict: Verdict | None = None

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


def heading_of(
    name: str, labels: Mapping[str, str], reading: WeightSettings | None = None
) -> Heading:
    """The heading of a method's answer.

    Args:
        name: The method's name, with an adapter after a colon where the method takes one.
        labels: The adapters' labels by name.
        reading: How the method reads divergences, if it does.
    """
    rule, _, adapter = name.partition(":")
    method = methods()[rule]
    label = f"{labels[adapter]} {method.label}" if adapter else method.label
    colour = colour_number(list(labels).index(adapter)) if adapter else None
    summary = method.summary
    if method.of_divergence and reading is not None:
        summary += f" Answered with: {ViewSettings.with_weights(reading).in_words}."
    return Heading(name, label, summary, method.of_divergence, method.name, colour)


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
        _card(answer, start, label, _equal(answers[:index], answer))
        for index, (answer, start) in enumerate(
            zip(answers, starts or [0] * len(answers), strict=True)
        )
    ]
    return AnswersPanel(run, state, _sentence(len(answers), label), tuple(cards), missing)


def _equal(before: Sequence[Answer], answer: Answer) -> str:
    """The label of an earlier answer with the same text; empty while one of them grows."""
    if answer.end is None or not answer.text:
        return ""
    same = (other for other in before if other.end is not None and other.text == answer.text)
    return next((other.heading.label for other in same), "")


def _card(answer: Answer, start: int, reference: str | None, equal: str) -> AnswerCard:
    count = len(answer.tokens)
    facts = [f"same as {equal}"] if equal else []
    if answer.end:
        facts.append(_ENDS.get(answer.end, "stopped"))
    if count:
        facts.append(f"{count} token{'' if count == 1 else 's'}")
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
        colour=answer.heading.colour,
        code=_CODE.search(answer.text) is not None,
        verdict=answer.verdict,
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
