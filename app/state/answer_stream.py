"""Answers as they grow: collects decoding steps and says what the answers panel shows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.widgets.text import visible

if TYPE_CHECKING:
    from analysis.inference.decoding.steps import Step

_ENDS = {
    "end token": "ended by itself",
    "stop string": "ended at a stop text",
    "length": "cut at the length limit",
}


# Updates whose tokens are sent again, and after how many all tokens are.
_REPEATED, _WHOLE = 10, 60


@dataclass(frozen=True)
class Heading:
    """What an answer is called.

    Attributes:
        name: The method's name, as `analysis` takes it.
        label: What people read.
        summary: One sentence about the rule behind it.
    """

    name: str
    label: str
    summary: str = ""


@dataclass
class _Row:
    heading: Heading
    tokens: list[tuple[str, float, str]] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    end: str | None = None


class AnswerStream:
    """The answers to one query, while they grow and afterwards.

    Args:
        run: Number of the request, so that a panel knows when to begin anew.
        headings: One for each answer.
        reference: Index of the answer that the others are compared with, or None.
    """

    def __init__(self, run: int, headings: Sequence[Heading], reference: int | None) -> None:
        self.run = run
        self._rows = [_Row(heading) for heading in headings]
        self._reference = reference
        self._began = time.perf_counter()
        self._seconds = 0.0
        self.state = "waiting"
        self._updates = 0
        self._told: deque[list[int]] = deque(maxlen=_REPEATED)

    def push(self, step: Step) -> None:
        """Takes a step; none any more once it is finished."""
        if self.state in ("done", "stopped"):
            return
        self.state = "running"
        for token in step.tokens:
            row = self._rows[token.row]
            row.ids.append(token.id)
            row.tokens.append((token.delta, round(token.probability, 4), visible(token.text)))
            row.end = token.end
        self._seconds = time.perf_counter() - self._began

    def finish(self, state: str) -> None:
        """Marks the answers as `done` or `stopped`."""
        self.state = state
        for row in self._rows:
            row.end = row.end or state

    @property
    def tokens(self) -> int:
        """How many tokens all answers have together."""
        return sum(len(row.ids) for row in self._rows)

    @property
    def speed(self) -> float:
        """Tokens a second, all answers together."""
        return self.tokens / self._seconds if self._seconds else 0.0

    @property
    def cost(self) -> str:
        """What the answers cost, in words."""
        return f"answered {self._seconds:.1f} s: {self.tokens} tokens, {self.speed:.1f}/s"

    def view(self) -> dict[str, Any]:
        """What the answers panel shows."""
        return self._view([0] * len(self._rows))

    def news(self) -> dict[str, Any]:
        """The same for a panel that keeps the tokens it has, which are most of them.

        A busy page takes only the last of many quick updates: each repeats the tokens of some
        before it, and now and then all are sent.
        """
        self._told.append([len(row.ids) for row in self._rows])
        self._updates += 1
        whole = len(self._told) < _REPEATED or self._updates % _WHOLE == 0
        return self.view() if whole else self._view(self._told[0])

    def _view(self, starts: Sequence[int]) -> dict[str, Any]:
        return {
            "run": self.run,
            "state": self.state,
            "sentence": self._sentence(),
            "rows": [self._row(index, start) for index, start in enumerate(starts)],
        }

    def _row(self, index: int, start: int) -> dict[str, Any]:
        row = self._rows[index]
        parts = self._parts(index)
        count = f"{len(row.ids)} token{'' if len(row.ids) == 1 else 's'}"
        facts = [count] if row.ids else []
        if row.end:
            facts.append(_ENDS.get(row.end, "stopped"))
        return {
            "name": row.heading.name,
            "label": row.heading.label,
            "summary": row.heading.summary,
            "from": start,
            "tokens": row.tokens[start:],
            "end": row.end,
            "facts": " · ".join(facts),
            "parts": parts,
            "parted": "" if parts is None else f"parts from {self._reference_label()} here",
        }

    def _sentence(self) -> str:
        if not self._rows:
            return ""
        said = (
            "Point at a word, tap it or walk to it with the arrow keys to see how probable it was."
        )
        if self._reference is None or len(self._rows) == 1:
            return said
        return f"{said} The mark is where an answer parts from {self._reference_label()}'s."

    def _reference_label(self) -> str:
        assert self._reference is not None
        return self._rows[self._reference].heading.label

    def _parts(self, index: int) -> int | None:
        """The first token that differs from the reference answer's."""
        if self._reference is None or index == self._reference:
            return None
        mine, other = self._rows[index].ids, self._rows[self._reference].ids
        for place, (one, two) in enumerate(zip(mine, other, strict=False)):
            if one != two:
                return place
        return None


def text_of(row: dict[str, Any]) -> str:
    """The text of one of a view's rows."""
    return "".join(delta for delta, _, _ in row["tokens"])


def empty(run: int = 0) -> dict[str, Any]:
    """The answers panel before there are any."""
    return AnswerStream(run, (), None).view()
