"""A run: what a visitor asked for, and what the model left of it."""

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
class AnswerRecord:
    """What the answers that are shown were made from.

    Attributes:
        settings: How they were asked for.
        rows: The weights of each, in the order of the sheet.
    """

    settings: AnswerSettings
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Run:
    """One traced query.

    Attributes:
        number: Which of the visitor's requests it was.
        query: What was asked, as typed.
        trace: What the model left.
        answer_settings: How it is answered.
        every_token: What was read at every token of it, by lens and metric; grows on demand.
    """

    number: int
    query: str
    trace: Trace
    answer_settings: AnswerSettings
    every_token: dict[tuple[str, str], EveryToken] = field(default_factory=dict)
