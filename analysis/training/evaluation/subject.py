"""The subjects of an evaluation: the base, or one of its adapters at a weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from analysis.common.grouping import grouped_by_length
from analysis.common.limits import PASS_TOKENS
from analysis.engine import Engine
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.rows import Row
from analysis.training.texts.examples import TextExample


@dataclass(frozen=True)
class Subject:
    """The base, or one adapter at a weight.

    Attributes:
        adapter: Name of the adapter; None for the base.
        weight: Weight of the adapter in all layers.
    """

    adapter: str | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        """Name in results."""
        return self.adapter or "base"

    def row(self, layers: int) -> Row:
        """The subject as a row of a batch."""
        names = () if self.adapter is None else (self.adapter,)
        weights_LK = torch.full((layers, len(names)), self.weight, dtype=torch.float64)
        return Row(self.name, ConstantWeights(names, weights_LK))


class SubjectRunner:
    """Runs subjects over many questions.

    Args:
        engine: The engine of the collection.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def losses(self, subject: Subject, examples: Sequence[TextExample]) -> list[tuple[float, int]]:
        """The loss of each example's answer, end token included.

        Returns:
            For each example the cross-entropy in nats, summed over the answer's tokens, and the
            number of these.
        """
        engine = self._engine
        prompts = [engine.prompt(example.instruction) for example in examples]
        answers = [engine.answer_ids(example.output) for example in examples]
        lengths = [
            len(prompt.ids) + len(answer) for prompt, answer in zip(prompts, answers, strict=True)
        ]
        found: dict[int, tuple[float, int]] = {}
        row = subject.row(engine.layers)
        for batch in grouped_by_length(lengths, PASS_TOKENS):
            losses = engine.answer_losses(
                [prompts[place] for place in batch],
                [answers[place] for place in batch],
                [row] * len(batch),
            )
            for place, loss_T in zip(batch, losses, strict=True):
                found[place] = (float(loss_T.sum()), len(loss_T))
        return [found[place] for place in range(len(examples))]

    def answers(self, subject: Subject, questions: Sequence[str], new_tokens: int) -> list[str]:
        """The most probable answer to each question, without its stop text."""
        engine = self._engine
        prompts = [engine.prompt(question) for question in questions]
        rows = [subject.row(engine.layers)] * len(prompts)
        answers = engine.answer_all(prompts, rows, new_tokens=new_tokens)
        return [answer.text.strip() for answer in answers]
