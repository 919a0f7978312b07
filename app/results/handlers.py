"""What each event of the Results tab does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import gradio as gr

from app.results.item_choice import language_choices, method_choices, task_choices
from app.results.layout import FILTERS, Layout
from app.results.results_service import ResultsService, run_choices
from app.results.views.findings_panel import FindingsPanel
from app.results.views.items_panel import STEP
from app.results.views.profiles_panel import profiled_methods
from app.server.guard import guarded
from app.widgets.panels import encode

_BROKEN = (
    "The results of this collection cannot be shown: the file does not fit this version of Fusion "
    "Lens. Make the results again."
)

Changes = dict[Any, Any]
"""New values by component."""


@dataclass(frozen=True)
class Handlers:
    """The listeners of the tab's events. Each takes the values of the controls by component.

    Attributes:
        fault: What the page says after a fault of ours: a file of the right form may still hold
            numbers that do not belong together.
        layout: The parts of the tab.
        service: Gives the contents of the panels.
    """

    fault: ClassVar[str] = _BROKEN

    layout: Layout
    service: ResultsService

    def failed(self, text: str) -> Changes:
        """A failure above the results, which are hidden: the file does not give all of them."""
        return {
            self.layout.panels["findings"]: encode(FindingsPanel("failed", text)),
            self.layout.body: gr.Column(visible=False),
        }

    @guarded
    def open_tab(self, data: Mapping[Any, Any]) -> Changes:
        """Fills the tab when a visitor opens it; the visitor's choices stay."""
        layout, service = self.layout, self.service
        found = bool(service.runs)
        changes: Changes = {
            layout.panels["findings"]: encode(service.findings()),
            layout.body: gr.Column(visible=found),
        }
        if found:
            choices, place = run_choices(service), self._place(data)
            changes[layout.controls["run"]] = gr.Radio(
                choices, value=str(place), visible=len(choices) > 1
            )
            changes[layout.panels["goals"]] = encode(service.goals())
            changes |= self._filled(data)
        return changes

    @guarded
    def choose_run(self, data: Mapping[Any, Any]) -> Changes:
        """Shows another benchmark of the file."""
        return self._filled(data)

    @guarded
    def choose_profile(self, data: Mapping[Any, Any]) -> Changes:
        """Shows the layer profiles of another method."""
        chosen = data[self.layout.controls["profile"]]
        _, panel = self.service.profiles(self._place(data), chosen)
        return {self.layout.panels["profiles"]: encode(panel)}

    @guarded
    def choose_items(self, data: Mapping[Any, Any]) -> Changes:
        """Lists the items of another choice, from the first one."""
        return self._items(data, STEP)

    @guarded
    def more_items(self, data: Mapping[Any, Any]) -> Changes:
        """Lists more items of the same choice."""
        return self._items(data, int(data[self.layout.shown]) + STEP)

    def _filled(self, data: Mapping[Any, Any]) -> Changes:
        """All panels below the findings, and the controls with the choices of the benchmark."""
        layout, service, place = self.layout, self.service, self._place(data)
        run, names = service.runs[place], service.names
        changes: Changes = {
            layout.panels[name]: encode(content) for name, content in service.tables(place).items()
        }
        shown, panel = service.profiles(place, data[layout.controls["profile"]])
        profiled = [(names.method(name), name) for name in profiled_methods(run)]
        changes[layout.panels["profiles"]] = encode(panel)
        changes[layout.controls["profile"]] = gr.Dropdown(
            profiled, value=shown, visible=len(profiled) > 1
        )
        choice, _ = service.items(place, self._filters(data), 0)
        choices = {
            "first": method_choices(run, names),
            "second": method_choices(run, names),
            "task": task_choices(run, names),
            "language": language_choices(run, names),
        }
        for name, listed in choices.items():
            changes[layout.controls[name]] = gr.Dropdown(listed, value=getattr(choice, name))
        return changes | self._items(data, STEP)

    def _items(self, data: Mapping[Any, Any], shown: int) -> Changes:
        _, panel = self.service.items(self._place(data), self._filters(data), shown)
        return {self.layout.panels["items"]: encode(panel), self.layout.shown: shown}

    def _filters(self, data: Mapping[Any, Any]) -> dict[str, str | None]:
        return {name: data[self.layout.controls[name]] for name in FILTERS}

    def _place(self, data: Mapping[Any, Any]) -> int:
        """The place of the chosen benchmark; the first one before a visitor chose."""
        given = data[self.layout.controls["run"]]
        known = [place for _, place in run_choices(self.service)]
        return int(given) if given in known else 0
