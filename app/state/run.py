"""A run: what a visitor asked for, and what the model left of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.models.provenance import Computation
from app.state.numbers import Numbers, rows

if TYPE_CHECKING:
    from analysis.inference.decoding.sampling import Sampling
    from analysis.inference.mixing.policy_weights import PolicyWeights
    from analysis.measure.every_token import EveryToken
    from analysis.measure.trace import Trace


@dataclass(frozen=True)
class AnswerSettings:
    """How a query is to be answered.

    Attributes:
        methods: Names of the methods, as `analysis.methods.fuse` takes them.
        new_tokens: The longest an answer may get.
        sampling: How tokens are chosen.
        lens: The lens that methods read divergences through.
    """

    methods: tuple[str, ...]
    new_tokens: int
    sampling: Sampling
    lens: str


@dataclass(frozen=True)
class AnswerWeights:
    """The weights behind one answer.

    Attributes:
        name: The method's name.
        adapters: Names of the adapters.
        mean: Mean weight over tokens and modules, `[layers][adapters]`.
        deviation: Standard deviation over tokens and modules, same shape; None where the weights
            are the same at every token and module.
    """

    name: str
    adapters: tuple[str, ...]
    mean: Numbers
    deviation: Numbers | None

    @classmethod
    def of(cls, name: str, found: PolicyWeights) -> AnswerWeights:
        """The weights that a row had while it was decoded."""
        deviation = None if found.constant else rows(found.deviation_LK.tolist())
        return cls(name, found.adapters, rows(found.mean_LK.tolist()), deviation)


@dataclass(frozen=True)
class AnswerRecord:
    """The settings and weights behind the answers that are shown.

    Attributes:
        settings: The settings of all answers.
        weights: The weights behind each answer, in the answers' order.
    """

    settings: AnswerSettings
    weights: tuple[AnswerWeights, ...]


@dataclass(frozen=True)
class Run:
    """One traced query.

    Attributes:
        number: Which of the visitor's requests it was.
        query: What was asked, as typed.
        trace: What the model left.
        answer_settings: How it is answered.
        computation: Precision and device of the model.
        every_token: What was read at every token of it, by lens and metric; grows on demand.
    """

    number: int
    query: str
    trace: Trace
    answer_settings: AnswerSettings
    computation: Computation
    every_token: dict[tuple[str, str], EveryToken] = field(default_factory=dict)
