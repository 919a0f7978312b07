"""The kinds of questions that lessons ask, each scored against the student's own run."""

from __future__ import annotations

from collections.abc import Mapping

from app.learn.questions import of_answers, of_layers, of_weights
from app.learn.questions.outcome import Question

QUESTIONS: Mapping[str, Question] = {
    question.name: question
    for module in (of_answers, of_layers, of_weights)
    for question in module.QUESTIONS
}
"""The questions by name."""
