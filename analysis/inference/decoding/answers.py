"""Whole answers to many prompts, through the one decoding loop."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from analysis.common.progress import Progress
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.decoding.steps import End, Token
from analysis.inference.mixing.policies import Policy
from analysis.inference.mixing.policy_weights import PolicyWeights
from analysis.inference.prompt import Prompt
from analysis.inference.runner import ModelRunner
from analysis.inference.sharing.running_rows import RequestedRows
from analysis.inference.sharing.shared_decoding import SharedDecoding


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes:
        text: The answer, without its stop text.
        tokens: Number of its tokens.
        mean_logprob: Mean natural logarithm of the tokens' probabilities.
        end: Why the answer ended.
        weights: The weights that the row had, over all tokens of prompt and answer.
    """

    text: str
    tokens: int
    mean_logprob: float
    end: End
    weights: PolicyWeights


def answer_all(
    runner: ModelRunner,
    prompts: Sequence[Prompt],
    policies: Sequence[Policy],
    stops: Sequence[tuple[str, ...]],
    new_tokens: int,
    batch_rows: int,
    progress: Progress | None = None,
) -> list[Answer]:
    """The most probable answer to each prompt, with a policy of its own.

    Where a row ends, the next prompt takes its place.

    Args:
        runner: The runner that decodes.
        prompts: The prompts.
        policies: A policy for each prompt.
        stops: For each prompt the texts that end an answer.
        new_tokens: The longest an answer may get.
        batch_rows: How many are decoded together.
        progress: Told after each step.
    """
    places = range(len(prompts))
    waiting = deque(sorted(places, key=lambda place: (stops[place], len(prompts[place].ids))))
    found: dict[int, Answer] = {}
    running: list[_Running] = []

    def begin(most: int) -> _Running:
        stop = stops[waiting[0]]
        some = [place for place in islice(waiting, most) if stops[place] == stop]
        for _ in some:
            waiting.popleft()
        asked = RequestedRows(
            tuple(prompts[place].ids for place in some),
            tuple(policies[place] for place in some),
            new_tokens,
            Sampling(),
            stop,
        )
        steps = runner.decode(
            asked, lambda: progress and progress("waiting to answer", len(found) / len(prompts))
        )
        return _Running(steps, some)

    try:
        while waiting or running:
            while waiting and (free := batch_rows - sum(len(one.going) for one in running)) > 0:
                running.append(begin(free))
            # All are asked before the first is waited for, so that they share the step.
            for one in running:
                one.steps.ask()
            for one in running:
                found |= one.take()
            running = [one for one in running if one.going]
            if progress is not None:
                progress(f"answer {len(found)} of {len(prompts)}", len(found) / len(prompts))
    finally:
        for one in running:
            one.steps.close()
    return [found[place] for place in places]


class _Running:
    """Prompts that are answered together.

    Args:
        steps: Their steps.
        places: Their places among all prompts.
    """

    def __init__(self, steps: SharedDecoding, places: list[int]) -> None:
        self.steps = steps
        self.going = set(places)
        self._places = places
        self._parts = [GrowingAnswer() for _ in places]

    def take(self) -> dict[int, Answer]:
        """Takes the next step; gives the answers that end with it, by their places."""
        ended = []
        for token in next(self.steps).tokens:
            self._parts[token.row].push(token)
            if token.end:
                ended.append(token.row)
        if not ended:
            return {}
        weights = self.steps.policy_weights()
        self.going -= {self._places[row] for row in ended}
        return {self._places[row]: self._parts[row].answer(weights[row]) for row in ended}


class GrowingAnswer:
    """An answer that grows by a token at a time."""

    def __init__(self) -> None:
        self._deltas: list[str] = []
        self._logprobs: list[float] = []
        self._end: End = "length"

    def push(self, token: Token) -> None:
        """Adds the row's next token."""
        self._deltas.append(token.delta)
        self._logprobs.append(math.log(max(token.probability, 1e-300)))
        self._end = token.end or self._end

    def answer(self, weights: PolicyWeights) -> Answer:
        """The answer so far.

        Args:
            weights: The weights that its row had.
        """
        mean = sum(self._logprobs) / len(self._logprobs)
        return Answer("".join(self._deltas), len(self._deltas), mean, self._end, weights)
