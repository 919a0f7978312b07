"""The layout of the Learn tab: the lesson, and beside it the parts of Explore that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr

from app.learn.learn_panel import LearnPanel, News
from app.state.answers_panel import AnswersPanel
from app.views.charts_panel import ChartsPanel
from app.views.grid.explanation_panel import ExplanationPanel
from app.views.grid.grid_panel import GridPanel
from app.widgets.panels import panel
from app.widgets.status import StatusPanel


@dataclass(frozen=True)
class Layout:
    """The parts of the tab.

    Attributes:
        lesson: The lesson.
        news: What the server answers to the lesson.
        parts: The parts of Explore by the names that updates use.
    """

    lesson: gr.HTML
    news: gr.HTML
    parts: Mapping[str, gr.HTML]


def build() -> Layout:
    """Lays out the tab with empty parts."""
    with gr.Row(elem_classes="learn-page"):
        lesson = panel(
            "learn",
            LearnPanel(),
            events=("run", "stop", "show", "undo", "reset", "qr"),
            elem_id="lesson",
        )
        with gr.Column(elem_classes="learn-stage", min_width=0):
            parts = {
                "status": panel("status", StatusPanel.empty(), elem_id="lesson-status"),
                "answers": panel("answers", AnswersPanel.empty(), elem_id="lesson-answers"),
                "copies": panel("charts", ChartsPanel.empty(), elem_id="lesson-copies"),
                "grid": panel(
                    "grid",
                    GridPanel.empty(),
                    events=("cell", "paint", "preset", "undo"),
                    elem_id="lesson-grid",
                ),
                "explanation": panel(
                    "explanation", ExplanationPanel.empty(), elem_id="lesson-explanation"
                ),
            }
    news = panel("learn-news", News(0), elem_id="lesson-news")
    return Layout(lesson, news, parts)
