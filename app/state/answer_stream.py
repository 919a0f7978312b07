"""Collects decoding steps into answers, and gives the answers panel its updates."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.state.answers_panel import (
    Answer,
    AnswersPanel,
    Heading,
    Missing,
    Verdict,
    answers_panel,
)
from app.widgets.text import visible

if TYPE_CHECKING:
    from analysis.inference.decoding.steps import Step

# Each update repeats the tokens of so many updates before it.
_REPEATED = 10
# Every so many updates, all tokens are sent.
_WHOLE = 60


class AnswerStream:
    """The answers to one query, while they grow and afterwards.

    One thread decodes and pushes, another shows the answers and may finish them early.

    Args:
        run: Number of the request.
        headings: One for each answer.
        reference: Index of the answer that the others are compared with, or None.
        missing: The methods that cannot answer.
    """

    def __init__(
        self,
        run: int,
        headings: Sequence[Heading],
        reference: int | None,
        missing: tuple[Missing, ...] = (),
    ) -> None:
        self.run = run
        self.state = "waiting"
        self._answers = [Answer(heading) for heading in headings]
        self._ids: list[list[int]] = [[] for _ in headings]
        self._reference = reference
        self._missing = missing
        self._start = time.perf_counter()
        self._seconds = 0.0
        self._updates = 0
        self._sent: deque[list[int]] = deque(maxlen=_REPEATED)
        self._lock = threading.Lock()

    def push(self, step: Step) -> None:
        """Adds a decoding step; ignored once the answers are finished."""
        with self._lock:
            if self.state in ("done", "stopped"):
                return
            self.state = "running"
            for token in step.tokens:
                answer = self._answers[token.row]
                self._ids[token.row].append(token.id)
                shown = (token.delta, round(token.probability, 4), visible(token.text))
                answer.tokens.append(shown)
                answer.end = token.end
            for index, answer in enumerate(self._answers):
                if answer.first_difference is None:
                    answer.first_difference = self._first_difference(index)
            self._seconds = time.perf_counter() - self._start

    def finish(self, state: str) -> None:
        """Marks the answers as `done` or `stopped`."""
        with self._lock:
            self.state = state
            for answer in self._answers:
                answer.end = answer.end or state

    def judge(self, verdict_of: Callable[[str], Verdict | None]) -> None:
        """Marks each answer as right or wrong, where that is known.

        Args:
            verdict_of: From an answer's text to its verdict.
        """
        texts = [answer.text for answer in self._answers]
        verdicts = [verdict_of(text) for text in texts]
        with self._lock:
            for answer, verdict in zip(self._answers, verdicts, strict=True):
                answer.verdict = verdict

    @property
    def tokens(self) -> int:
        """Number of tokens of all answers together."""
        return sum(len(ids) for ids in self._ids)

    @property
    def speed(self) -> float:
        """Tokens per second, all answers together."""
        return self.tokens / self._seconds if self._seconds else 0.0

    @property
    def cost(self) -> str:
        """The cost of the answers, in words."""
        return f"answers: {self._seconds:.1f} s, {self.tokens} tokens, {self.speed:.1f} per second"

    def panel(self) -> AnswersPanel:
        """The answers panel with all tokens."""
        with self._lock:
            return self._panel()

    def update(self) -> AnswersPanel:
        """The answers panel with the newest tokens; the panel keeps the tokens that it has.

        A busy page takes only the last of many quick updates. So each update repeats the tokens
        of some updates before it, and now and then an update has all tokens.
        """
        with self._lock:
            self._sent.append([len(ids) for ids in self._ids])
            self._updates += 1
            if len(self._sent) < _REPEATED or self._updates % _WHOLE == 0:
                return self._panel()
            return self._panel(self._sent[0])

    def _panel(self, starts: Sequence[int] | None = None) -> AnswersPanel:
        return answers_panel(
            self.run, self.state, self._answers, self._reference, starts, self._missing
        )

    def _first_difference(self, index: int) -> int | None:
        """Index of the first token that differs from the reference answer's."""
        if self._reference is None or index == self._reference:
            return None
        pairs = zip(self._ids[index], self._ids[self._reference], strict=False)
        return next((place for place, (mine, its) in enumerate(pairs) if mine != its), None)
