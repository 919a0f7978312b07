"""The parting panel: what two answers would have said at the token where they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.state.answer_stream import Parting
from app.widgets import text
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.inference.decoding.next_tokens import NextToken


@dataclass(frozen=True)
class Alternative:
    """A token that an answer might have gone on with.

    Attributes:
        text: The token with visible white space.
        share: Its probability.
        percent: The probability in words.
        chosen: Whether the answer went on with it.
        other: Whether the other answer went on with it.
    """

    text: str
    share: float
    percent: str
    chosen: bool
    other: bool


@dataclass(frozen=True)
class PartingPanel:
    """Two answers at the token where they part.

    Attributes:
        title: Above the lists.
        sentence: What both have said before.
        answers: The label of each answer, the number of its colour or None, and its alternatives.
        key: Number of the request and name of the answer that is compared with the reference.
    """

    title: str
    sentence: str
    answers: tuple[tuple[str, int | None, tuple[Alternative, ...]], ...]
    key: str = ""

    @classmethod
    def empty(cls) -> PartingPanel:
        """The panel before a token is chosen; the page hides it."""
        return cls("", "", ())


def parting_panel(run: int, parting: Parting, found: Sequence[Sequence[NextToken]]) -> PartingPanel:
    """What two answers would have said.

    Args:
        run: Number of the request that was answered.
        parting: Where they part.
        found: The alternatives of each, the most probable first.
    """
    own, other = (heading.label for heading in parting.headings)
    said = parting.text.strip()
    begun = text.short(text.plain(said), 90)
    before = say("Both begin with “{text}”. ", text=begun) if said else ""
    answers = []
    for place, (heading, tokens) in enumerate(zip(parting.headings, found, strict=True)):
        chosen, others = parting.chosen[place], parting.chosen[1 - place]
        listed = tuple(
            Alternative(
                text.visible(token.text),
                token.probability,
                _percent(token.probability),
                token.id == chosen,
                token.id == others,
            )
            for token in tokens
        )
        answers.append((heading.label, heading.colour, listed))
    return PartingPanel(
        say("Where {own} and {other} part", own=own, other=other),
        before + say("The most probable next tokens of each, and the token that the other says:"),
        tuple(answers),
        f"{run}/{parting.headings[0].name}",
    )


def _percent(probability: float) -> str:
    if probability < 0.0005:
        return "< " + text.percent(0.001, 1)
    return text.percent(probability, 1)
