"""Answers as they grow, while background work pauses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

from analysis.common.threads.background import BackgroundJobs
from analysis.inference.decoding.steps import Step
from analysis.inference.mixing.policy_weights import PolicyWeights


class Decoding(Protocol):
    """Rows that answer; every iteration is one step of all rows that still run.

    Attributes:
        over: Whether no more steps follow.
    """

    over: bool

    def __next__(self) -> Step: ...

    def close(self) -> None:
        """Ends the answers. Another thread may call it."""

    def policy_weights(self) -> tuple[PolicyWeights, ...]:
        """The weights that each row had so far, over all tokens of prompt and answer."""


class Answering(Iterator[Step]):
    """The steps of a decoding; background work pauses from the first step to the last.

    Args:
        decoding: The decoding that gives the steps.
        background: The work that pauses meanwhile.
    """

    def __init__(self, decoding: Decoding, background: BackgroundJobs) -> None:
        self._decoding = decoding
        self._background = background
        self._pause = ExitStack()
        self._begun = False

    def __next__(self) -> Step:
        if not self._begun:
            self._begun = True
            self._pause.enter_context(self._background.paused())
        try:
            step = next(self._decoding)
        except BaseException:
            self.close()
            raise
        if self._decoding.over:
            self.close()
        return step

    def close(self) -> None:
        """Ends the answers; nothing of them is left in the model. Another thread may call it."""
        self._decoding.close()
        # Taken away first, so that two threads that close it end the pause once.
        self._pause.pop_all().close()

    def __del__(self) -> None:
        # A reader that goes without a word.
        self.close()

    def policy_weights(self) -> tuple[PolicyWeights, ...]:
        """The weights that each row had so far, over all tokens of prompt and answer."""
        return self._decoding.policy_weights()
