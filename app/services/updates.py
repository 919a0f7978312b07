"""What the services change on the page, by the names of its parts."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

from app.server.requests import RequestUpdate
from app.state.answers_panel import AnswersPanel
from app.views.charts_panel import ChartsPanel
from app.views.export_panel import ExportPanel
from app.views.grid.explanation_panel import ExplanationPanel
from app.views.grid.grid_panel import GridPanel
from app.views.parting_panel import PartingPanel
from app.views.prompt_panel import PromptPanel


class Update(RequestUpdate, total=False):
    """New contents of some panels; the other panels stay as they are.

    Attributes:
        prompt: The prompt that the model read.
        grid: The grid.
        profile: The depth profile.
        tokens: The divergence at every token.
        explanation: The explanation of the selected cell.
        answers: The answers.
        pinned_answers: The answers of the pinned run.
        pinned_grid: The grid of the pinned run.
        parting: Two answers at the token where they part.
        rule_weights: The weights that rules gave while they answered.
        variants: The weights over variants of the query.
        copies: The selected adapter beside its copies.
        export: Files and permalink.
    """

    prompt: PromptPanel
    grid: GridPanel
    profile: ChartsPanel
    tokens: ChartsPanel
    explanation: ExplanationPanel
    answers: AnswersPanel
    pinned_answers: AnswersPanel
    pinned_grid: ChartsPanel
    parting: PartingPanel
    rule_weights: ChartsPanel
    variants: ChartsPanel
    copies: ChartsPanel
    export: ExportPanel


Updates: TypeAlias = Generator[Update | RequestUpdate, None, None]
"""The updates of a request, in order."""
