"""Fits: what a method learns once for a collection, and what it may learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    # The page lists the methods, which name their fits, before torch is imported.
    from torch import Tensor

    from analysis.common.progress import Progress
    from analysis.inference.mixing.policies import Policy
    from analysis.inference.mixing.rows import Row
    from analysis.inference.prompt import Prompt
    from analysis.learning.kept_work import KeptWork
    from analysis.models.adapter_facts import AdapterFacts
    from analysis.models.collection import Kind


@dataclass(frozen=True)
class Fit:
    """What a method learns. Methods that learn the same share one fit.

    Attributes:
        name: Name of the fitted file, without folder and ending.
        data: What it learns from: `samples` (questions of each adapter's own domain), `examples`
            (questions with right answers), or `own-examples` (questions with answers of each
            adapter's own domain).
        learn: From the data to the tensors of the fitted file. A tensor that belongs to an adapter
            is called `part.NAME`, with a part such as `weights`.
    """

    name: str
    data: Literal["samples", "examples", "own-examples"]
    learn: Callable[[FitContext], Mapping[str, Tensor]]

    @property
    def file(self) -> str:
        """The fitted file's path in the collection's folder."""
        return f"methods/{self.name}.safetensors"


@dataclass(frozen=True)
class TrainingExample:
    """A question with its right answer.

    Attributes:
        prompt: The question's prompt.
        answer: Token ids of the answer, the end token included.
        adapter: The adapter whose own domain the question is from; "" where it is of no one's.
    """

    prompt: Prompt
    answer: tuple[int, ...]
    adapter: str = ""


class FitEngine(Protocol):
    """The parts of an engine that a fit uses."""

    @property
    def layers(self) -> int:
        """Number of layers."""

    @property
    def facts(self) -> AdapterFacts:
        """Facts about the adapters that no query changes."""

    def representation(self, prompt: Prompt) -> Tensor:
        """The base's mean last-layer state over a query's tokens, `[width]` in float64."""

    def answer_losses(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[Sequence[int]],
        rows: Sequence[Row],
        *,
        differentiable: bool = False,
    ) -> list[Tensor]:
        """The losses of answers' tokens, with gradients for parameters of rules if asked."""


_BATCH = 4


@dataclass(frozen=True)
class FitContext:
    """What a method may learn from.

    Attributes:
        adapters: Names of the collection's adapters.
        kinds: Whether each is for a language, a task, or neither.
        samples: Questions of each adapter's own domain; empty where the fit asks for answers too.
        examples: Questions with right answers; empty where the fit asks for samples.
        engine: Runs the model.
        work: Keeps what is done, so that an interrupted fit goes on.
        progress: Told how far the work is.
        seed: Of all random choices.
    """

    adapters: tuple[str, ...]
    kinds: tuple[Kind, ...]
    samples: Mapping[str, tuple[Prompt, ...]]
    examples: tuple[TrainingExample, ...]
    engine: FitEngine = field(repr=False)
    work: KeptWork = field(repr=False)
    progress: Progress = field(repr=False)
    seed: int = 0

    def loss(self, examples: Sequence[TrainingExample], policies: Sequence[Policy]) -> Tensor:
        """The loss of some answers, with gradients for the parameters of rules.

        Args:
            examples: As many as fit into one forward pass.
            policies: The policy of each; rows with the same rule are computed together.

        Returns:
            The mean over the examples of each one's mean over its answer's tokens, in nats: a
            scalar in float32 or better.
        """
        import torch

        losses = self.engine.answer_losses(*_rows(examples, policies), differentiable=True)
        return torch.stack([loss_T.mean() for loss_T in losses]).mean()

    def mean_loss(self, policy: Policy) -> float:
        """The same over all examples with one policy, without gradients."""
        found = []
        for start in range(0, len(self.examples), _BATCH):
            part = self.examples[start : start + _BATCH]
            found += [
                float(loss_T.double().mean())
                for loss_T in self.engine.answer_losses(*_rows(part, [policy] * len(part)))
            ]
        return sum(found) / len(found)


def _rows(
    examples: Sequence[TrainingExample], policies: Sequence[Policy]
) -> tuple[list[Prompt], list[tuple[int, ...]], list[Row]]:
    from analysis.inference.mixing.rows import Row

    return (
        [example.prompt for example in examples],
        [example.answer for example in examples],
        [Row("fit", policy) for policy in policies],
    )
