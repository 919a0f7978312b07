"""The results of a benchmark, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.benchmark.statistics import Share
from analysis.common.schema import as_json

SCHEMA, VERSION = "fusion-lens/composite-benchmark", 1


@dataclass(frozen=True)
class ProblemAnswer:
    """The answer of one method to one problem.

    Attributes:
        problem: Id of the problem.
        method: Name of the method.
        text: The answer.
        number: Whether its number is right.
        language: Whether it is in the language of the problem.
    """

    problem: str
    method: str
    text: str
    number: bool
    language: bool


@dataclass(frozen=True)
class MethodScores:
    """The scores of one method.

    Attributes:
        number: Share of answers with the right number.
        language: Share of answers in the language.
        both: Share of answers with both.
    """

    number: Share
    language: Share
    both: Share


@dataclass(frozen=True)
class CompositeResult:
    """The result of a comparison of methods on word problems in another language.

    Attributes:
        language: Code of the language.
        adapters: Names of the fused adapters.
        lens: The lens that divergences were read through.
        problems: Number of problems.
        scores: Scores by method.
        answers: All answers.
        seconds: How long the comparison took.
    """

    language: str
    adapters: tuple[str, ...]
    lens: str
    problems: int
    scores: dict[str, MethodScores]
    answers: tuple[ProblemAnswer, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return as_json(self, SCHEMA, VERSION)
