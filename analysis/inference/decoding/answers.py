"""Whole answers to many prompts, through the one decoding loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.common.progress import Progress
from analysis.inference.decoding.sampling import Sampling
from analysis.inference.decoding.steps import End, Token
from analysis.inference.mixing.policy_weights import PolicyWeights
from analysis.inference.mixing.rows import Row
from analysis.inference.prompt import Prompt
from analysis.inference.runner import ModelRunner


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
    rows: Sequence[Row],
    stops: Sequence[tuple[str, ...]],
    new_tokens: int,
    batch_rows: int,
    progress: Progress | None = None,
) -> list[Answer]:
    """The most probable answer to each prompt, with a row of its own.

    Args:
        runner: The runner that decodes.
        prompts: The prompts.
        rows: A row for each prompt.
        stops: For each prompt the texts that end an answer.
        new_tokens: The longest an answer may get.
        batch_rows: How many are decoded together.
        progress: Told after each batch.
    """
    places = range(len(prompts))
    order = sorted(places, key=lambda place: (stops[place], len(prompts[place].ids)))
    found: dict[int, Answer] = {}
    start = 0
    while start < len(order):
        batch = [
            place
            for place in order[start : start + batch_rows]
            if stops[place] == stops[order[start]]
        ]
        parts = [GrowingAnswer() for _ in batch]
        steps = runner.decode(
            [prompts[place].ids for place in batch],
            [rows[place].policy for place in batch],
            new_tokens,
            Sampling(),
            stops[batch[0]],
        )
        for step in steps:
            for token in step.tokens:
                parts[token.row].push(token)
        found |= {
            place: part.answer(weights)
            for place, part, weights in zip(batch, parts, steps.policy_weights(), strict=True)
        }
        start += len(batch)
        if progress is not None:
            progress(f"answer {start} of {len(order)}", start / len(order))
    return [found[place] for place in places]


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
