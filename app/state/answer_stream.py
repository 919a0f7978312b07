"""Collects decoding steps into answers, and gives the answers panel its updates."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.state.answer import Heading, Missing, ShownAnswer, Verdict
from app.state.answers_panel import AnswersPanel, answers_panel
from app.widgets.text import fixed, visible
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.inference.decoding.steps import Step, Token

# Number of earlier updates whose tokens each update repeats.
_REPEATED = 10
# Number of updates after which all tokens are sent again.
_WHOLE = 60


@dataclass(frozen=True)
class Parting:
    """The place where two answers part.

    Attributes:
        headings: The headings of both answers, the reference answer's last.
        said: Token ids that both have said before.
        chosen: The token that each of them says there.
        text: What both have said before.
    """

    headings: tuple[Heading, Heading]
    said: tuple[int, ...]
    chosen: tuple[int, int]
    text: str


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
        self._answers = [ShownAnswer(heading) for heading in headings]
        self._ids: list[list[int]] = [[] for _ in headings]
        self._reference = reference
        self._missing = missing
        self._start = time.perf_counter()
        self._seconds = 0.0
        self._updates = 0
        self._decoded = 0
        self._sent: deque[list[int]] = deque(maxlen=_REPEATED)
        self._lock = threading.Lock()

    def push(self, step: Step, places: Sequence[int] | None = None) -> None:
        """Adds a decoding step; ignored once the answers are finished.

        Args:
            step: The step.
            places: The answer of each decoded row; by default each row has its own.
        """
        with self._lock:
            if self.state in ("done", "stopped"):
                return
            self.state = "running"
            for token in step.tokens:
                self._add(places[token.row] if places else token.row, token)
                self._decoded += 1
            self._compare()
            self._seconds = time.perf_counter() - self._start

    def fill(self, place: int, tokens: Sequence[Token]) -> None:
        """Gives an answer that was kept, as a whole."""
        with self._lock:
            for token in tokens:
                self._add(place, token)
            self._compare()

    def _add(self, place: int, token: Token) -> None:
        answer = self._answers[place]
        self._ids[place].append(token.id)
        answer.tokens.append((token.delta, round(token.probability, 4), visible(token.text)))
        answer.end = token.end

    def _compare(self) -> None:
        for index, answer in enumerate(self._answers):
            if answer.first_difference is None:
                answer.first_difference = self._first_difference(index)

    def parting(self, name: str) -> Parting | None:
        """Where an answer parts from the reference answer; None where it does not."""
        with self._lock:
            places = [at for at, one in enumerate(self._answers) if one.heading.name == name]
            if not places or self._reference is None:
                return None
            place, reference = places[0], self._reference
            at = self._first_difference(place)
            if at is None:
                return None
            own, other = self._answers[place], self._answers[reference]
            return Parting(
                (own.heading, other.heading),
                tuple(self._ids[place][:at]),
                (self._ids[place][at], self._ids[reference][at]),
                "".join(delta for delta, _, _ in own.tokens[:at]),
            )

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
    def speed(self) -> float:
        """Decoded tokens per second, all answers together."""
        return self._decoded / self._seconds if self._seconds else 0.0

    @property
    def cost(self) -> str:
        """The cost of the answers, in words."""
        if not self._decoded:
            return say("answers: from the cache")
        return say(
            "answers: {seconds} s, {count} tokens, {speed} per second",
            seconds=fixed(self._seconds, 1),
            count=self._decoded,
            speed=fixed(self.speed, 1),
        )

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
