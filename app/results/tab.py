"""The Results tab: builds its service, its layout and its events."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.results import layout
from app.results.handlers import Handlers
from app.results.layout import FILTERS
from app.results.results_service import ResultsService
from app.results.views.items_panel import STEP
from app.server.request_queue import SERVED
from app.services.tabs import Tab, TabContext

_EVENT: dict[str, Any] = {
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_id": "results",
    "concurrency_limit": SERVED,
}


def build(context: TabContext) -> None:
    """Lays out the tab and connects its events, inside the page."""
    parts = layout.build(STEP)
    handlers = Handlers(parts, ResultsService(context.collection, context.links.fields))
    controls, panels, shown = parts.controls, parts.panels, parts.shown
    given: set[Block] = {*controls.values(), shown}
    # Any of them may have to say that the file cannot be shown.
    everything = [parts.body, *panels.values(), *controls.values(), shown]

    # Nothing is read before a visitor looks: the page starts without the result file.
    context.tab.select(handlers.open_tab, given, everything, **_EVENT)
    controls["run"].input(handlers.choose_run, given, everything, **_EVENT)
    controls["profile"].input(handlers.choose_profile, given, everything, **_EVENT)
    filters = [controls[name].input for name in FILTERS]
    gr.on(filters, handlers.choose_items, given, everything, **_EVENT)
    panels["items"].more(handlers.more_items, given, everything, **_EVENT)


TAB = Tab("Results", order=20, build=build)
