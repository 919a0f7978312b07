"""The answers panel: a card for each answer, with the words beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.state.answer import Missing, ShownAnswer, ShownToken, Verdict
from app.widgets.words.said import joined, say

_ENDS = {
    "end token": say("finished"),
    "stop string": say("stopped: it began a new turn"),
    "length": say("stopped: length limit"),
}

# Of program text: a fence, or a line that begins as Python or a shell command does.
_CODE = re.compile(
    r"```|^[ \t]*(?:def \w+\(|class \w+|import \w+|from \w+ import |print\(|return |#!/)",
    re.MULTILINE,
)


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
        caption: What the answers belong to, where it is not the question above them.
        beside: Of the answers of a pinned run with the question above: how it was read.
    """

    run: int
    state: str
    sentence: str
    rows: tuple[AnswerCard, ...]
    missing: tuple[Missing, ...] = ()
    caption: str = ""
    beside: str = ""

    @classmethod
    def empty(cls, run: int = 0) -> AnswersPanel:
        """The panel before there are answers."""
        return cls(run, "waiting", "", ())


def answers_panel(
    run: int,
    state: str,
    answers: Sequence[ShownAnswer],
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


def _equal(before: Sequence[ShownAnswer], answer: ShownAnswer) -> str:
    """The label of an earlier answer with the same text; empty while one of them grows."""
    if answer.end is None or not answer.text:
        return ""
    same = (other for other in before if other.end is not None and other.text == answer.text)
    return next((other.heading.label for other in same), "")


def _card(answer: ShownAnswer, start: int, reference: str | None, equal: str) -> AnswerCard:
    count = len(answer.tokens)
    facts = [say("same as {answer}", answer=equal)] if equal else []
    if answer.end:
        facts.append(_ENDS.get(answer.end, say("stopped")))
    if count:
        facts.append(say("1 token") if count == 1 else say("{count} tokens", count=count))
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
        facts=joined(" · ", facts),
        first_difference=answer.first_difference,
        difference_note=say("first difference from the {answer} answer", answer=reference)
        if differs
        else "",
        colour=answer.heading.colour,
        code=_CODE.search(answer.text) is not None,
        verdict=answer.verdict,
    )


def _sentence(count: int, reference: str | None) -> str:
    if not count:
        return ""
    how = say(
        "Point at a word or tap it to see its probability. In a selected answer, the arrow keys "
        "move from word to word."
    )
    if reference is None or count == 1:
        return how
    mark = say("The mark shows the first difference from the {answer} answer.", answer=reference)
    return joined(" ", (how, mark))
