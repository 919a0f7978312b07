"""The Adapters tab: a panel, and where the server allows it a form to add an adapter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from app.adapters.adapters_panel import AdaptersPanel
from app.adapters.adapters_service import AdaptersService
from app.server.event_options import AT_ONCE
from app.server.guard import guarded, text_of
from app.services.tabs import Tab, TabContext
from app.widgets.panels import encode, panel
from app.widgets.words.said import say

_POLL_SECONDS = 1.0
_WORKING = say("Reading the adapter…")


@dataclass(frozen=True)
class Handlers:
    """The listeners of the tab's events.

    Attributes:
        fault: What the tab says after a fault of ours.
        service: Gives the content.
        panel: The panel.
        timer: Looks again while the model is being loaded.
    """

    fault: ClassVar[str] = say("That did not work. The server log gives the reason.")

    service: AdaptersService
    panel: gr.HTML
    timer: gr.Timer

    def failed(self, text: str) -> dict[Any, Any]:
        """The adapters, and a message."""
        return {self.panel: encode(self.service.panel(text, failed=True))}

    @guarded
    def show(self) -> dict[Any, Any]:
        """Says what each adapter is."""
        self.service.inspect_all()
        timer = gr.Timer(active=self.service.waits)
        return {self.panel: encode(self.service.panel()), self.timer: timer}

    @guarded
    def remove(self, event: gr.EventData) -> dict[Any, Any]:
        """Opens a page without an adapter."""
        return {self.panel: encode(self.service.remove(str(event.name)))}

    def inspect(self, place: str, name: str) -> Iterator[str]:
        """Looks into the adapter of the form."""
        yield from self._read(place, name, add=False)

    def add(self, place: str, name: str) -> Iterator[str]:
        """Opens a page with the adapter of the form."""
        yield from self._read(place, name, add=True)

    def _read(self, place: str, name: str, *, add: bool) -> Iterator[str]:
        yield encode(self.service.panel(_WORKING))
        try:
            read = self.service.add if add else self.service.inspect
            found: AdaptersPanel = read(place or "", name or "")
        except Exception as error:
            said = text_of(error, self.fault, folders=True)
            found = self.service.panel(said, failed=True)
        yield encode(found)


def build(context: TabContext) -> None:
    """Lays out the tab and connects its events, inside the page."""
    service = AdaptersService(context.collection, context.loader, context.pages)
    adding = context.pages.may_add
    if adding:
        with gr.Row(elem_id="add-adapter", equal_height=False):
            place = gr.Textbox(
                label="Add an adapter",
                info="A folder on this machine that PEFT saved, or a hub id with or without a "
                "subfolder and @revision. It is read as data: nothing of it runs.",
                placeholder="/path/to/adapter or owner/name",
                max_lines=1,
                elem_id="adapter-place",
                scale=4,
            )
            name = gr.Textbox(
                label="Its name here",
                info="Letters, digits, '.', '_' and '-'. If empty, the name of its folder "
                "or repository.",
                max_lines=1,
                elem_id="adapter-name",
                scale=2,
            )
        with gr.Row(elem_id="add-adapter-buttons"):
            inspect = gr.Button("Inspect", size="sm", elem_id="inspect-adapter")
            add = gr.Button("Add", size="sm", variant="primary", elem_id="add-adapter-button")
    listed = panel("adapters", service.panel(), events=("remove",), elem_id="adapters-list")
    timer = gr.Timer(_POLL_SECONDS, active=False)
    handlers = Handlers(service, listed, timer)
    for event in (context.tab.select, timer.tick):
        event(handlers.show, None, [listed, timer], **AT_ONCE)
    listed.remove(handlers.remove, None, [listed], show_progress="hidden")
    if adding:
        for button, handler in ((inspect, handlers.inspect), (add, handlers.add)):
            button.click(handler, [place, name], [listed], show_progress="hidden")
        place.submit(handlers.inspect, [place, name], [listed], show_progress="hidden")


TAB = Tab("Adapters", order=15, build=build)
