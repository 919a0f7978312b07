"""What stands where in the Explore tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from analysis.models.manifest import Collection
from app.explore import button_reasons, controls
from app.state import answer_stream
from app.state.examples import Example
from app.views import figure_panels
from app.views.cell_view import no_cell
from app.views.chips_view import chips_view
from app.views.files_view import files_view
from app.views.prompt_view import prompt_view
from app.widgets.labels import labels_of
from app.widgets.panels import panel
from app.widgets.status import status_view

WELCOME = "Ask a question to see which adapter speaks at which layer."
FOLDED = "Adapters, lens and answers"
CHOOSE = "Click a cell of the grid, or walk to one with the arrow keys."


@dataclass(frozen=True)
class Layout:
    """The tab's parts.

    Attributes:
        query: The question.
        chips: Example questions.
        controls: The column of controls.
        panels: What `app` fills, by the names that its updates use.
        buttons: What can be pressed, by the ids that `app.hints` uses.
        variants: Variants of the question, one a line.
    """

    query: gr.Textbox
    chips: gr.HTML
    controls: controls.Controls
    panels: dict[str, gr.HTML]
    buttons: dict[str, gr.Button]
    variants: gr.Textbox


def build(
    collection: Collection,
    examples: tuple[Example, ...],
    query: str,
    stored: dict[str, Any],
    reasons: dict[str, str],
) -> Layout:
    """Lays out the tab.

    Args:
        collection: What the page is about.
        examples: The questions to begin with.
        query: What stands in the box.
        stored: What panels show before anything is asked.
        reasons: Why a button cannot be used yet, by its id.
    """
    panels: dict[str, gr.HTML] = {}
    buttons: dict[str, gr.Button] = {}

    def shows(name: str, kind: str, empty: object, **options: Any) -> None:
        panels[name] = panel(kind, stored.get(name, empty), elem_id=name, **options)

    def button(name: str, label: str, **options: Any) -> None:
        usable = name not in reasons
        buttons[name] = gr.Button(label, interactive=usable, elem_id=name, **options)

    with gr.Row(elem_classes="ask"):
        box = gr.Textbox(
            query,
            label="Query",
            placeholder="Ask something that needs two adapters at once",
            lines=1,
            max_lines=8,
            elem_id="query",
            scale=1,
        )
        button("ask", "Ask", variant="primary", scale=0, min_width=96)
        button("stop", "Stop", scale=0, min_width=96)
    chips = panel("chips", chips_view(examples, labels_of(collection)), events=("chip",))
    shows("status", "status", status_view("idle", ""))
    shows("hints", "hints", button_reasons.view(reasons))
    shows("prompt", "prompt", prompt_view(None))
    shows("history", "history", {}, events=("reopen",))
    with gr.Row(elem_classes="workspace"):
        with gr.Column(elem_classes="controls", scale=0, min_width=232):
            panel("fold", FOLDED)
            given = controls.build(collection, bool(stored))
        with gr.Column(elem_classes="main", scale=1, min_width=280):
            shows("grid", "grid", figure_panels.empty(WELCOME), events=("cell", "paint"))
            with gr.Row(elem_classes="acts"):
                button("hear", "Hear these weights", size="sm", scale=0)
                button("every", "Look at every token", size="sm", scale=0)
            shows("profile", "profile", figure_panels.no_profile())
            shows("tokens", "profile", figure_panels.no_profile())
            with gr.Accordion("Is it real?", open=False, elem_classes="real"):
                variants = gr.Textbox(
                    label="Variants of the question, one a line",
                    placeholder="Left empty, small changes of spelling and white space are tried.",
                    lines=3,
                    max_lines=8,
                    elem_id="variants",
                )
                button("check", "Check the variants", size="sm")
                shows("spread", "profile", figure_panels.no_profile())
                button("copy", "Try copies of the selected adapter", size="sm")
                shows("copies", "profile", figure_panels.no_profile())
        with gr.Column(elem_classes="aside", scale=0, min_width=300):
            button("pin", "Pin this run", size="sm")
            shows("why", "why", no_cell(CHOOSE))
    shows("answers", "answers", answer_stream.empty())
    shows("take", "take", files_view(bool(stored)), events=("take",))
    return Layout(box, chips, given, panels, buttons, variants)
