"""The layout of the Profile tab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr

from analysis.common.limits import Limits
from app.profile.profile_link import MOST, OWN, ProfileLink
from app.profile.query_lists import QueryList
from app.profile.query_rows import QueryRows
from app.views.charts_panel import ChartsPanel
from app.views.export_panel import ExportPanel
from app.widgets.panels import panel
from app.widgets.status import StatusPanel

_TITLE = "Many queries at once"
_LEAD = (
    "Which adapter leads in which layers: the mean weight over a list of queries, with its spread. "
    "No answers are given, so a query takes about as long as the grid in Explore."
)


@dataclass(frozen=True)
class Layout:
    """The parts of the tab.

    Attributes:
        listed: Chooses the list of queries.
        own: The visitor's own list; visible where it is chosen.
        written: The part of the tab that holds it.
        adapters: The adapters.
        most: The most queries to read.
        read: Reads the queries.
        stop: Ends the reading.
        panels: The panels by name: `link`, `status`, `weights`, `rows` and `file`.
    """

    listed: gr.Dropdown
    own: gr.Textbox
    written: gr.Column
    adapters: gr.CheckboxGroup
    most: gr.Number
    read: gr.Button
    stop: gr.Button
    panels: Mapping[str, gr.HTML]

    @property
    def inputs(self) -> tuple[gr.Dropdown, gr.Textbox, gr.CheckboxGroup, gr.Number]:
        """What a profile is read with."""
        return self.listed, self.own, self.adapters, self.most


def build(labels: Mapping[str, str], lists: Mapping[str, QueryList], about: str) -> Layout:
    """Lays out the tab with empty panels.

    Args:
        labels: The adapters' labels by name.
        lists: The lists of queries by name; the first is chosen.
        about: The first list in words.
    """
    choices = [(one.label, name) for name, one in lists.items()]
    with gr.Column(elem_classes="profile-page"):
        gr.Markdown(f"## {_TITLE}\n\n{_LEAD}")
        with gr.Row(elem_classes="profile-form", equal_height=False):
            with gr.Column(scale=3, min_width=280, elem_classes="profile-queries"):
                listed = gr.Dropdown(
                    [*choices, ("Your own list", OWN)],
                    value=choices[0][1] if choices else OWN,
                    label="Queries",
                    info=about,
                    filterable=False,
                    elem_id="profile-list",
                )
                with gr.Column(visible=not choices, elem_classes="profile-written") as written:
                    own = gr.Textbox(
                        label="Your queries, one on each line",
                        info="JSON lines work, too, with the query in a field instruction, query "
                        "or question.",
                        lines=5,
                        max_lines=12,
                        elem_id="profile-own",
                    )
                    panel("query-file", "profile-own", elem_id="profile-file")
                most = gr.Number(
                    MOST,
                    label="Read at most",
                    info="From the first query on.",
                    precision=0,
                    minimum=1,
                    maximum=Limits().queries,
                    elem_id="profile-most",
                )
            with gr.Column(scale=2, min_width=240):
                adapters = gr.CheckboxGroup(
                    [(label, name) for name, label in labels.items()],
                    value=list(labels),
                    label="Adapters",
                    info="Lens, metric, position and normalisation are those of Explore. Where it "
                    "reads the mean over query tokens or a chosen token, a profile reads the last "
                    "token of each query.",
                    elem_id="profile-adapters",
                )
        with gr.Row(elem_classes="profile-actions"):
            read = gr.Button(
                "Read the queries",
                variant="primary",
                scale=0,
                min_width=160,
                elem_id="profile-read",
            )
            stop = gr.Button(
                "Stop", interactive=False, scale=0, min_width=96, elem_id="profile-stop"
            )
            link = panel("profile-link", ProfileLink(), elem_id="profile-link")
        panels = {
            "link": link,
            "status": panel("status", StatusPanel.empty(), elem_id="profile-status"),
            "weights": panel(
                "charts", ChartsPanel.empty(), events=("save",), elem_id="profile-weights"
            ),
            "rows": panel("query-rows", QueryRows(""), elem_id="profile-rows"),
            "file": panel("saved-file", ExportPanel.empty(), elem_id="profile-saved"),
        }
    return Layout(listed, own, written, adapters, most, read, stop, panels)
