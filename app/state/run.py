"""A run: a visitor's question, the trace of it, and how it is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.inference.decoding import Sampling
    from analysis.inference.rows import Row
    from analysis.measure.every_token import EveryToken
    from analysis.measure.trace import Trace


@dataclass(frozen=True)
class AnswerSettings:
    """How to answer a query.

    Attributes:
        methods: Names of the methods, as `analysis.methods.fuse` takes them.
        new_tokens: The most tokens that an answer may have.
        sampling: How tokens are chosen.
        lens: The lens that methods read divergences through.
    """

    methods: tuple[str, ...]
    new_tokens: int
    sampling: Sampling
    lens: str


@dataclass(frozen=True)
class AnswerRecord:
    """Settings and weights of the answers that are shown.

    Attributes:
        settings: The answer settings.
        rows: The rows that were decoded, in the order of the answers.
    """

    settings: AnswerSettings
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Run:
    """One traced query.

    Attributes:
        number: The number of the visitor's request.
        query: The question, as typed.
        trace: The trace of the question.
        answer_settings: How it is answered.
        every_token: The divergences at every token, by lens and metric; grows on demand.
    """

    number: int
    query: str
    trace: Trace
    answer_settings: AnswerSettings
    every_token: dict[tuple[str, str], EveryToken] = field(default_factory=dict)
