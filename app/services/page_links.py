"""Links to the page: the fields of all tabs, and the controls that the page writes and restores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from app.server.event_options import AT_ONCE, READ_ADDRESS, when_read
from app.state.link_fields import Field, LinkFields
from app.views.export_panel import Permalink
from app.widgets.panels import encode


@dataclass(frozen=True)
class LinkedControl:
    """A control whose value a link holds.

    Attributes:
        component: Its component.
        field: Its field in a link.
    """

    component: Component
    field: Field


class PageLinks:
    """The links to the page. Each tab adds its part, and writes no key of another part.

    Args:
        page: The page; its `load` event comes when a visitor opens a link.
        address: The panel that writes to the page's address.

    Attributes:
        fields: The fields of all tabs.
    """

    def __init__(self, page: gr.Blocks, address: gr.HTML) -> None:
        self.fields = LinkFields()
        self._page = page
        self._address = address

    def part(self, fields: Mapping[str, Field]) -> LinkFields:
        """Adds the fields of a tab that writes and opens its part of a link itself.

        Args:
            fields: The fields by the names of their controls.

        Returns:
            The part of the tab.

        Raises:
            ValueError: Another tab has such a name or key.
        """
        self.fields.add(fields)
        return LinkFields(fields)

    def add(self, controls: Mapping[str, LinkedControl]) -> None:
        """Adds controls of a tab: their values are in the address, and come back from a link.

        Args:
            controls: The controls by name.

        Raises:
            ValueError: Another tab has such a name or key.
        """
        part = self.part({name: control.field for name, control in controls.items()})
        components = [control.component for control in controls.values()]

        def write_address(*values: Any) -> str:
            link = part.encode(dict(zip(controls, values, strict=True)))
            return encode(Permalink(link, part.keys))

        def restore_link(request: gr.Request) -> Any:
            values, _ = part.decode(request.query_params)
            restored = {controls[name].component: value for name, value in values.items()}
            return restored or gr.skip()

        changes = [component.change for component in components]  # type: ignore[attr-defined]
        gr.on(
            changes,
            write_address,
            components,
            self._address,
            trigger_mode="always_last",
            **AT_ONCE,
        )
        when_read(self._page.load(restore_link, None, components, **READ_ADDRESS))
