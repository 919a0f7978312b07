"""Turns updates of the services into changes of the page's components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import gradio as gr
from gradio.components import Component

from analysis.measure.signals import signals
from app.explore.layout import EVERY_TOKEN, Layout
from app.explore.permalinks import Permalinks
from app.state.session import Session
from app.state.settings import choices
from app.state.settings.view_settings import ViewSettings
from app.views.hints_panel import disabled_buttons, hints_panel
from app.widgets.panels import encode
from app.widgets.status import StatusPanel

Changes: TypeAlias = dict[Any, Any]
"""New values by component, as a listener gives them to Gradio."""


def merged(changes: Changes, values: Changes) -> Changes:
    """Changes of components together with new values of some of them.

    Args:
        changes: Changes by component; an update of a component keeps its value.
        values: New values, or updates, by component.
    """
    both = dict(changes)
    for component, value in values.items():
        change = both.get(component)
        if isinstance(change, dict):  # an update, such as another text beside the control
            value = change | (value if isinstance(value, dict) else {"value": value})
        both[component] = value
    return both


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
            layout.controls["adapters"],
            layout.controls["show"],
        ]

    def changes(
        self, session: Session, update: Mapping[str, object], *, of_request: bool = False
    ) -> Changes:
        """The changes of an update.

        Args:
            session: The visitor's session.
            update: New contents of panels by name.
            of_request: Whether a request yields it. The replies of views may arrive after that of
                a request that has ended meanwhile, so they never say which buttons are enabled.
        """
        session = session.copy()
        panels, controls = self._layout.panels, self._layout.controls
        contents = dict(update)
        if "grid" in update or "explanation" in update:
            contents["export"] = self._permalinks.export_panel(session)
        changes: Changes = {
            panels[name]: encode(content) for name, content in contents.items() if name in panels
        }
        if of_request and ("busy" in update or "grid" in update):
            changes |= self.buttons(session)
        if "grid" in update and session.snapshot is not None:
            fault = session.view_settings.span_fault(session.snapshot.layers)
            changes[controls["layers"]] = gr.update(info=fault)
            changes[controls["adapters"]] = gr.update(info=controls.by_name["adapters"].info)
        if "grid" in update and session.run is not None:
            cost = session.run.every_token_cost(*session.view_settings.lens_and_metric)
            # The stored example has one setting of these controls only; a run has all.
            for control, info in controls.locked.items():
                changes[control] = gr.update(interactive=True, info=info)
            view = session.view_settings
            for name in ("lens", "metric"):
                info = controls.locked[controls[name]]
                changes[controls[name]] = gr.update(interactive=view.uses(name), info=info)
            summary = signals()[view.signal].summary
            changes[controls["signal"]] = gr.update(interactive=True, info=summary)
            changes[controls["position"]] = gr.update(
                interactive=view.uses("position"),
                info=_position_note(view, cost),
            )
            label: dict[str, Any] = {"value": f"{EVERY_TOKEN} ({cost})" if cost else EVERY_TOKEN}
            if of_request:
                label["interactive"] = "every-token" not in disabled_buttons(session)
            changes[self._layout.buttons["every-token"]] = gr.update(**label)
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

    def position_changes(self, position: str, before: str = "") -> Changes:
        """The choice of the position that is read; one token of a prompt is a choice of its own.

        Args:
            position: The new position.
            before: The position of the same prompt before. It stays a choice: Gradio would refuse
                an event that is on its way with it.
        """
        tokens = [ViewSettings(position=one).token for one in (before, position)]
        offered = choices.position_choices(*dict.fromkeys(one for one in tokens if one is not None))
        return {self._layout.controls["position"]: gr.update(choices=offered, value=position)}

    def position_moved(self, view: ViewSettings) -> Changes:
        """The position that is read in place of the one that was asked for, and the reason."""
        moved = gr.update(value=view.position, info=_position_note(view, ""))
        return {self._layout.controls["position"]: moved}

    def pin_changes(self, session: Session) -> Changes:
        """The button that pins, and the choices that need a pinned run."""
        session = session.copy()
        pinned = session.pinned is not None
        shown = choices.show_choices(pinned)
        return {
            self._layout.buttons["pin"]: gr.Button("Unpin" if pinned else "Pin this run"),
            self._layout.controls["show"]: gr.Radio(shown, value=session.view_settings.show),
        }


def _position_note(view: ViewSettings, cost: str) -> str:
    """The note below the choice of the token to read."""
    if view.uses("position") and not view.plain:
        return "With this relevance, the two last tokens and their mean alone can be read."
    return cost and f"The mean reads every token: {cost}."
