"""The layout of the Results tab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr

from app.results.item_choice import ORDERS, OUTCOMES
from app.results.views.findings_panel import FindingsPanel
from app.results.views.items_panel import ItemsPanel
from app.results.views.paper_table import paper_table
from app.results.views.score_table import ScoreTable
from app.views.charts_panel import ChartsPanel
from app.widgets.panels import panel

_PATTERN = """## The pattern that the paper describes

With one language adapter and one task adapter on LLaMA-2 and LLaMA-3, the paper sees values near
zero in the early layers. In the middle layers the task adapter dominates. In the last layer the
language adapter sometimes comes back.

Read the heatmap from top to bottom and compare: layer 0 is the first layer. Each cell holds the
mean weight over a task's items, ± the standard deviation between items: a small deviation means
that the method hardly reads the query there."""


@dataclass(frozen=True)
class Layout:
    """The parts of the tab.

    Attributes:
        body: Everything below the findings; hidden where there are no results.
        panels: The panels by name.
        controls: The controls by name: `run`, `profile`, and the filters of items.
        shown: The number of items that are listed.
    """

    body: gr.Column
    panels: Mapping[str, gr.HTML]
    controls: Mapping[str, gr.Radio | gr.Dropdown]
    shown: gr.State


FILTERS = ("first", "second", "task", "language", "outcome", "order")
"""Names of the controls that choose items."""


def build(listed: int) -> Layout:
    """Lays out the tab with empty panels.

    Args:
        listed: The number of items that are listed at first.
    """
    panels: dict[str, gr.HTML] = {}
    controls: dict[str, gr.Radio | gr.Dropdown] = {}

    def dropdown(name: str, label: str, choices: list[tuple[str, str]] | None = None) -> None:
        controls[name] = gr.Dropdown(
            choices or [],
            value=choices[0][1] if choices else None,
            label=label,
            filterable=False,
            elem_id=f"results-{name}",
            min_width=150,
        )

    def table(name: str, content: ScoreTable) -> None:
        panels[name] = panel("scores", content, elem_id=f"results-{name.replace('_', '-')}")

    def charts(name: str) -> None:
        content = ChartsPanel.empty()
        panels[name] = panel("charts", content, elem_id=f"results-{name.replace('_', '-')}")

    with gr.Column(elem_classes="results"):
        panels["findings"] = panel("findings", FindingsPanel.empty(), elem_id="results-findings")
        with gr.Column(visible=False, elem_classes="results-body") as body:
            table("goals", ScoreTable.empty())
            controls["run"] = gr.Radio([], label="Benchmark", elem_id="results-run")
            table("scores", ScoreTable.empty())
            table("losses", ScoreTable.empty())
            charts("differences")
            charts("loss_differences")
            with gr.Column(elem_classes="results-items"):
                gr.Markdown("## Items, answer by answer")
                with gr.Row(elem_classes="filters"):
                    dropdown("first", "First method")
                    dropdown("second", "Second method")
                    dropdown(
                        "outcome", "Outcome", [(text, name) for name, text in OUTCOMES.items()]
                    )
                    dropdown("task", "Task")
                    dropdown("language", "Language")
                    dropdown("order", "Order", [(text, name) for name, text in ORDERS.items()])
                panels["items"] = panel(
                    "items", ItemsPanel.empty(), events=("more",), elem_id="results-items"
                )
            with gr.Row(elem_classes="results-profiles"):
                with gr.Column(scale=1, min_width=280):
                    dropdown("profile", "Method of the layer profiles")
                    charts("profiles")
                with gr.Column(scale=0, min_width=300, elem_classes="results-aside"):
                    gr.Markdown(_PATTERN)
            table("paper", paper_table())
            table("routing", ScoreTable.empty())
    return Layout(body, panels, controls, gr.State(listed))
