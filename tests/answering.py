"""Answers whose pace a test sets."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress

from analysis.inference.decoding.answering import Answering
from analysis.inference.decoding.steps import Step
from analysis.inference.mixing.policy_weights import PolicyWeights


class PacedAnswering(Iterator[Step]):
    """An engine's answers, their steps handed on by a generator of the test.

    Args:
        answering: From `Engine.answer`.
        steps: Hands the steps on, and waits where the test wants.
    """

    def __init__(self, answering: Answering, steps: Generator[Step, None, None]) -> None:
        self._answering = answering
        self._steps = steps

    def __next__(self) -> Step:
        return next(self._steps)

    def close(self) -> None:
        self._answering.close()
        # Another thread may wait in the generator, which then ends there, at its next step.
        with suppress(ValueError):
            self._steps.close()

    def policy_weights(self) -> tuple[PolicyWeights, ...]:
        return self._answering.policy_weights()
