"""Answers as they grow, while background work pauses."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from analysis.common.background import BackgroundJobs
from analysis.inference.decoding.lock_step import Decoding
from analysis.inference.decoding.steps import Step
from analysis.inference.mixing.policy_weights import PolicyWeights


class Answering(Iterator[Step]):
    """The steps of a decoding; background work pauses from the first step to the last.

    Args:
        decoding: The decoding that gives the steps.
        background: The work that pauses meanwhile.
    """

    def __init__(self, decoding: Decoding, background: BackgroundJobs) -> None:
        self._decoding = decoding
        self._background = background
        self._steps = self._run()

    def __next__(self) -> Step:
        return next(self._steps)

    def close(self) -> None:
        """Ends the answers; nothing of them is left in the model."""
        self._steps.close()

    def policy_weights(self) -> tuple[PolicyWeights, ...]:
        """The weights that each row had so far, over all tokens of prompt and answer."""
        return self._decoding.policy_weights()

    def _run(self) -> Generator[Step, None, None]:
        with self._background.paused():
            try:
                yield from self._decoding
            finally:
                self._decoding.close()
