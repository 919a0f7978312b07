"""Answers to many prompts: the next prompt takes the place of a row that ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.inference.decoding.answers import answer_all
from analysis.inference.decoding.steps import Step, Token
from analysis.inference.mixing.policies import ConstantWeights, Policy
from analysis.inference.mixing.policy_weights import PolicyWeights
from analysis.inference.prompt import Prompt
from analysis.inference.runner import ModelRunner
from analysis.inference.sharing.running_rows import RequestedRows


class Counting:
    """Stands for a runner: a prompt's last token is the length of its answer, 0, 1, 2 …"""

    def __init__(self) -> None:
        self.running: list[CountingSteps] = []

    def decode(self, asked: RequestedRows, *_: object) -> CountingSteps:
        self.running.append(CountingSteps([ids[-1] for ids in asked.prompts], asked.policies))
        return self.running[-1]

    @property
    def rows(self) -> int:
        return sum(len(steps.going) for steps in self.running)


class CountingSteps:
    def __init__(self, lengths: list[int], policies: Sequence[Policy]) -> None:
        self.lengths, self._policies, self._index, self._asked = lengths, policies, -1, False
        self.going = set(range(len(lengths)))

    def ask(self) -> None:
        assert self.going and not self._asked
        self._asked = True

    def __next__(self) -> Step:
        assert self._asked, "all that run are asked before the first is waited for"
        self._asked = False
        self._index += 1
        at, tokens = self._index, []
        for row in sorted(self.going):
            end = "end token" if at == self.lengths[row] - 1 else None
            tokens.append(Token(row, at, "", f"{at} ", 0.5, end))
        self.going -= {token.row for token in tokens if token.end}
        return Step(at, tuple(tokens))

    def close(self) -> None:
        self.going = set()

    def policy_weights(self) -> tuple[PolicyWeights, ...]:
        return tuple(PolicyWeights.of(one) for one in self._policies if one.adapters)


def asked(lengths: list[int]) -> tuple[list[Prompt], list[Policy], list[tuple[str, ...]]]:
    prompts = [
        Prompt("", (*[9] * (place % 3), length), ("",), (False,), 0, 0, "plain")
        for place, length in enumerate(lengths)
    ]
    policies: list[Policy] = [
        ConstantWeights(("a",), torch.full((1, 1), float(place))) for place in range(len(lengths))
    ]
    return prompts, policies, [(("stop",), ())[place % 5 == 0] for place in range(len(lengths))]


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=30), most=st.integers(1, 8))
def test_each_prompt_gets_its_answer_and_no_place_stays_empty(
    lengths: list[int], most: int
) -> None:
    runner = Counting()
    prompts, policies, stops = asked(lengths)
    told: list[float] = []

    def progress(what: str, share: float) -> None:
        told.append(share)

    answers = answer_all(cast(ModelRunner, runner), prompts, policies, stops, 9, most, progress)
    for place, (length, answer) in enumerate(zip(lengths, answers, strict=True)):
        assert answer.text.split() == [str(token) for token in range(length)]
        assert float(answer.weights.mean_LK) == place
    assert told == sorted(told) and told[-1] == 1.0
    # A place is empty only once nothing waits.
    assert len(told) <= sum(lengths) / most + max(lengths)


def test_never_more_rows_run_and_an_error_leaves_none() -> None:
    runner = Counting()
    prompts, policies, stops = asked([5, 1, 2, 7, 3, 3, 1, 9])

    def progress(what: str, share: float) -> None:
        assert runner.rows <= 3
        if share > 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        answer_all(cast(ModelRunner, runner), prompts, policies, stops, 9, 3, progress)
    assert runner.rows == 0 and len(runner.running) > 3
