"""Views of the Explore tab: they read what is there, and never run the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from app.explore import controls
from app.explore.controls import Data
from app.explore.handlers.tab_handlers import TabHandlers
from app.explore.page_updates import Changes, merged
from app.server.guard import guarded


class ViewHandlers(TabHandlers):
    """The listeners of view settings, of the grid and of painting."""

    @guarded
    def change_view(self, data: Data) -> Any:
        """Shows the run under the view settings of the controls."""
        session, values = self._read(data)
        now = session.copy()
        view_settings, fault = controls.view_settings_of(values), ""
        if now.snapshot is not None:
            view_settings, fault = view_settings.kept_span(now.view_settings, now.snapshot.layers)
        changes: Changes = {}
        if view_settings != now.view_settings:  # a text field may only lose the focus
            update = self.context.view_service.change_settings(session, view_settings)
            changes = self.page.changes(session, update)
        if view_settings.position != values["position"]:
            changes = merged(changes, self.page.position_moved(view_settings))
        # Beside the field, in place of a range that cannot be used: the shown layers stay.
        return {**changes, self.layout.controls["layers"]: gr.update(info=fault)}

    @guarded
    def change_adapters(self, data: Data) -> Changes:
        """Divides the weights among the ticked adapters, where the trace has them."""
        session, values = self._read(data)
        ticked = tuple(name for name in self.context.labels if name in values["adapters"])
        update, fault = self.context.view_service.choose_adapters(session, ticked)
        control = self.layout.controls.by_name["adapters"]
        changes = self.page.changes(session, update)
        return {**changes, control.component: gr.update(info=fault or control.info)}

    @guarded
    def read_token(self, data: Data, event: gr.EventData) -> Changes:
        """Reads the run at a token of its prompt."""
        session, _ = self._read(data)
        now, index = session.copy(), int(event.index)
        if now.run is None or not 0 <= index < len(now.run.prompt.ids):
            skipped: Changes = gr.skip()
            return skipped
        position = f"token:{index}"
        if index in (now.run.prompt.query_last, now.run.prompt.last):
            position = "query" if index == now.run.prompt.query_last else "prompt"
        view_settings = replace(now.view_settings, position=position).readable
        if view_settings.position != position:
            return self.page.position_moved(now.view_settings)
        update = self.context.view_service.change_settings(session, view_settings)
        changes = self.page.changes(session, update)
        return merged(changes, self.page.position_changes(position, now.view_settings.position))

    @guarded
    def select_cell(self, data: Data, event: gr.EventData) -> Changes:
        """Selects a cell of the grid and explains it."""
        session, _ = self._read(data)
        update = self.context.view_service.select(session, int(event.layer), int(event.adapter))
        return self.page.changes(session, update) or gr.skip()

    @guarded
    def paint_cell(self, data: Data, event: gr.EventData) -> Changes:
        """Paints cells of the grid with the brush."""
        session, values = self._read(data)
        update = self.context.view_service.paint(
            session,
            int(event.layer),
            int(event.adapter),
            float(values["brush_weight"]),
            values["brush_scope"],
            int(event.stroke),
            int(event.drag),
        )
        return self.page.changes(session, update) or gr.skip()

    @guarded
    def paint_preset(self, data: Data, event: gr.EventData) -> Changes:
        """Paints a preset."""
        session, _ = self._read(data)
        update = self.context.view_service.paint_preset(session, int(event.index))
        return self.page.changes(session, update) or gr.skip()

    @guarded
    def undo_painting(self, data: Data) -> Changes:
        """Takes back the last stroke of the brush."""
        session, _ = self._read(data)
        update = self.context.view_service.undo_painting(session)
        return self.page.changes(session, update) or gr.skip()

    @guarded
    def reset_painting(self, data: Data) -> Changes:
        """Resets the painted weights."""
        session, _ = self._read(data)
        return (
            self.page.changes(session, self.context.view_service.reset_painting(session))
            or gr.skip()
        )

    @guarded
    def pin(self, data: Data) -> Changes:
        """Pins the shown run, or unpins the pinned one."""
        session, _ = self._read(data)
        changes = self.page.changes(session, self.context.view_service.pin(session))
        return changes | self.page.pin_changes(session)
