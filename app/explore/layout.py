"""The layout of the Explore tab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.explore import control_column
from app.explore.controls import Controls
from app.services.tabs import TabContext
from app.state import link_fields
from app.state.answers_panel import AnswersPanel
from app.state.examples import Example
from app.state.link_fields import Field
from app.views.charts_panel import ChartsPanel
from app.views.examples_panel import examples_panel
from app.views.export_panel import ExportPanel
from app.views.grid.explanation_panel import ExplanationPanel
from app.views.grid.grid_panel import GridPanel
from app.views.hints_panel import hints_panel
from app.views.history_panel import history_panel
from app.views.intro_panel import intro_panel
from app.views.parting_panel import PartingPanel
from app.views.prompt_panel import PromptPanel
from app.widgets.panels import fill, panel
from app.widgets.status import StatusPanel
from app.widgets.words.said import say

FOLDED_CONTROLS = "Adapters, lens and answers"
"""The button that shows the controls on a narrow page."""

EVERY_TOKEN = "Show every token"
"""The button that reads the divergence at every token; its cost follows once it is known."""

_WELCOME = say("Ask a question to see the weight of each adapter in each layer.")
_SELECT = say("Click a cell of the grid, or move to a cell with the arrow keys.")


@dataclass(frozen=True)
class Layout:
    """The parts of the tab.

    Attributes:
        controls: The controls by name.
        examples: The example questions.
        panels: The panels by the names that updates use.
        buttons: The buttons by their ids.
        all_adapters: Selects all adapters; visible if some are not selected.
        undo_painting: Takes back the last stroke of the brush.
        reset_painting: Resets the painted weights.
    """

    controls: Controls
    examples: gr.HTML
    panels: Mapping[str, gr.HTML]
    buttons: Mapping[str, gr.Button]
    all_adapters: gr.Button
    undo_painting: gr.Button
    reset_painting: gr.Button


def build(
    context: TabContext,
    examples: tuple[Example, ...],
    query: str,
    disabled: Mapping[str, str],
) -> Layout:
    """Lays out the tab with empty panels.

    Args:
        context: The shared parts of the page.
        examples: The example questions.
        query: The text in the query box.
        disabled: The ids of disabled buttons, each with the reason.
    """
    controls = Controls()
    panels: dict[str, gr.HTML] = {}
    buttons: dict[str, gr.Button] = {}

    def add_panel(name: str, kind: str, empty: object, **options: Any) -> None:
        panels[name] = panel(kind, empty, elem_id=name, **options)

    def add_button(name: str, label: str, **options: Any) -> None:
        enabled = name not in disabled
        buttons[name] = gr.Button(label, interactive=enabled, elem_id=name, **options)

    with gr.Row(elem_classes="query-row"):
        controls.add(
            "query",
            gr.Textbox(
                query,
                label="Query",
                placeholder="Ask a question that needs two adapters at once",
                lines=1,
                max_lines=8,
                elem_id="query",
                scale=1,
            ),
            "question",
            Field("q", link_fields.query, ""),
        )
        add_button("ask", "Ask", variant="primary", scale=0, min_width=96)
        add_button("stop", "Stop", scale=0, min_width=96)
    with gr.Row(elem_classes="under-query"):
        example_buttons = panel(
            "examples", examples_panel(examples, context.labels), events=("example",)
        )
        add_panel("status", "status", StatusPanel.empty())
        add_panel("prompt", "prompt", PromptPanel.empty(), events=("read",))
        add_panel("history", "history", {}, events=("reopen",))
    add_panel("hints", "hints", hints_panel(disabled))
    add_panel("answers", "answers", AnswersPanel.empty(), events=("again", "part"))
    add_panel("pinned_answers", "answers", AnswersPanel.empty())
    add_panel("parting", "parting", PartingPanel.empty())
    with gr.Row(elem_classes="workspace"):
        panel("intro", intro_panel())
        with gr.Column(elem_classes="controls", scale=0, min_width=200):
            panel("fold", say(FOLDED_CONTROLS))
            all_adapters, undo_painting, reset_painting = control_column.build(
                controls, context.collection, context.labels, context.stored_example is not None
            )
        with gr.Column(elem_classes="main", scale=1, min_width=280):
            with gr.Row(elem_classes="grids"):
                add_panel(
                    "grid",
                    "grid",
                    GridPanel.empty(_WELCOME),
                    events=("cell", "paint", "preset", "undo"),
                )
                add_panel("pinned_grid", "charts", ChartsPanel.empty())
            with gr.Row(elem_classes="grid-actions"):
                add_button("answer-shown", "Answer with these weights", size="sm", scale=0)
                add_button("pin", "Pin this run", size="sm", scale=0)
                add_button("every-token", EVERY_TOKEN, size="sm", scale=0)
            add_panel("profile", "charts", ChartsPanel.empty())
            add_panel("tokens", "charts", ChartsPanel.empty())
            add_panel("rule_weights", "charts", ChartsPanel.empty())
            with gr.Accordion("Robustness checks", open=False, elem_classes="robustness"):
                controls.add(
                    "variants",
                    gr.Textbox(
                        label="Variants of the question, one on each line",
                        placeholder="Leave this empty for other words or other spelling.",
                        lines=3,
                        max_lines=8,
                        elem_id="variant-lines",
                    ),
                    "check",
                )
                add_button("check-variants", "Compare variants", size="sm")
                add_panel("variants", "charts", ChartsPanel.empty(), events=("save",))
                add_button(
                    "check-copies",
                    "Compare the selected adapter with a zero, an equal and a doubled one",
                    size="sm",
                )
                add_panel("copies", "charts", ChartsPanel.empty(), events=("save",))
        with gr.Column(elem_classes="aside", scale=0, min_width=300):
            add_panel("explanation", "explanation", ExplanationPanel.empty(_SELECT))
    add_panel("export", "export", ExportPanel.empty(), events=("export",))
    # The query of a run stands in the history as it is.
    linked = {
        control.link.key: control.component
        for name, control in controls.by_name.items()
        if control.link and name != "query"
    }
    words = history_panel(
        {key: str(component.label or key) for key, component in linked.items()},
        {key: getattr(component, "choices", None) or () for key, component in linked.items()},
    )
    fill(panels["history"], words)
    return Layout(
        controls, example_buttons, panels, buttons, all_adapters, undo_painting, reset_painting
    )
