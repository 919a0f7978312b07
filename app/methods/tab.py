"""The Methods tab: one panel, which is filled when a visitor opens the tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from app.methods.methods_service import MethodsService
from app.server.event_options import AT_ONCE
from app.server.guard import guarded
from app.services.tabs import Tab, TabContext
from app.widgets.panels import encode, panel
from app.widgets.words.said import say

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Handlers:
    """The listeners of the tab's events.

    Attributes:
        fault: What the tab says after a fault of ours.
        service: Gives the content.
        panel: The panel.
        timer: Looks again while the model is being loaded.
    """

    fault: ClassVar[str] = say(
        "It is not known which methods can run. The server log gives the reason."
    )

    service: MethodsService
    panel: gr.HTML
    timer: gr.Timer

    def failed(self, text: str) -> dict[Any, Any]:
        """The methods without what can run, and a message."""
        return {self.panel: encode(self.service.panel(text)), self.timer: gr.Timer(active=False)}

    @guarded
    def show_methods(self) -> dict[Any, Any]:
        """Says which methods can run."""
        self.service.find_available()
        waits = self.service.waits
        return {self.panel: encode(self.service.panel()), self.timer: gr.Timer(active=waits)}


def build(context: TabContext) -> None:
    """Lays out the tab and connects its events, inside the page."""
    service = MethodsService(context.loader)
    listed = panel("methods", service.panel(), elem_id="methods-list")
    timer = gr.Timer(_POLL_SECONDS, active=False)
    handlers = Handlers(service, listed, timer)
    for event in (context.tab.select, timer.tick):
        event(handlers.show_methods, None, [listed, timer], **AT_ONCE)


TAB = Tab("Methods", order=25, build=build)
