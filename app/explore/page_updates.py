"""Turns updates of the services into changes of the page's components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import gradio as gr
from gradio.components import Component

from app.explore.layout import EVERY_TOKEN, Layout
from app.explore.permalinks import Permalinks
from app.state import view_settings
from app.state.session import Session
from app.views.hints_panel import disabled_buttons, hints_panel
from app.widgets.panels import encode
from app.widgets.status import StatusPanel

Changes: TypeAlias = dict[Any, Any]
"""New values by component, as a listener gives them to Gradio."""


class PageUpdates:
    """Changes of the components of the tab.

    Args:
        layout: The parts of the tab.
        permalinks: Makes the link of what the page shows.
    """

    def __init__(self, layout: Layout, permalinks: Permalinks) -> None:
        self._layout = layout
        self._permalinks = permalinks

    @property
    def outputs(self) -> list[Component]:
        """The components that an update may change."""
        layout = self._layout
        return [
            *layout.panels.values(),
            *layout.buttons.values(),
            *layout.controls.locked,
            layout.controls["layers"],
        ]

    def changes(self, session: Session, update: Mapping[str, object]) -> Changes:
        """The changes of an update.

        Args:
            session: The visitor's session.
            update: New contents of panels by name.
        """
        session = session.copy()
        panels, controls = self._layout.panels, self._layout.controls
        contents = dict(update)
        if "grid" in update or "explanation" in update:
            contents["export"] = self._permalinks.export_panel(session)
        changes: Changes = {
            panels[name]: encode(content) for name, content in contents.items() if name in panels
        }
        if "busy" in update or "grid" in update:
            changes |= self.buttons(session)
        if "grid" in update and session.snapshot is not None:
            fault = session.view_settings.span_fault(session.snapshot.layers)
            changes[controls["layers"]] = gr.update(info=fault)
        if "grid" in update and session.run is not None:
            cost = session.run.every_token_cost(*session.view_settings.reading)
            # The stored example has one setting of these controls only; a run has all.
            for control, info in controls.locked.items():
                changes[control] = gr.update(interactive=True, info=info)
            changes[controls["position"]] = gr.update(
                interactive=True, info=cost and f"The mean reads every token: {cost}."
            )
            changes[self._layout.buttons["every-token"]] = gr.Button(
                f"{EVERY_TOKEN} ({cost})" if cost else EVERY_TOKEN,
                interactive="every-token" not in disabled_buttons(session),
            )
        return changes

    def buttons(self, session: Session) -> Changes:
        """Which buttons are enabled, and why the others are not."""
        disabled = disabled_buttons(session)
        changes: Changes = {self._layout.panels["hints"]: encode(hints_panel(disabled))}
        for name, button in self._layout.buttons.items():
            changes[button] = gr.Button(interactive=name not in disabled)
        return changes

    def message(self, status: StatusPanel) -> Changes:
        """A change of the status line alone."""
        return {self._layout.panels["status"]: encode(status)}

    def pin_changes(self, session: Session) -> Changes:
        """The button that pins, and the choices that need a pinned run."""
        session = session.copy()
        pinned = session.pinned is not None
        choices = view_settings.show_choices(pinned)
        return {
            self._layout.buttons["pin"]: gr.Button("Unpin" if pinned else "Pin this run"),
            self._layout.controls["show"]: gr.Radio(choices, value=session.view_settings.show),
        }
