"""Permalinks of the Explore tab: the link of what the page shows, and opening a link."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.explore import controls
from app.export import files
from app.services.updates import Update
from app.services.view_service import ViewService
from app.state import link_fields
from app.state.link_fields import Field, LinkFields
from app.state.session import Session
from app.state.snapshot import Snapshot
from app.state.what_if import read_cells, write_cells
from app.views.export_panel import ExportPanel, Permalink
from app.views.grid.grid_views import grid_view
from app.widgets import text
from app.widgets.status import StatusPanel

_CELL = re.compile(r"\d{1,4}\.[^\s.][^\s]*", re.ASCII)
_LONG = "The question is too long for a link; the link has the settings only."


def part_fields() -> dict[str, Field]:
    """The fields of what a link holds beside the values of controls."""
    return {
        "cell": Field("cell", link_fields.matching(_CELL), ""),
        "paint": Field("paint", _painted, ""),
    }


def link_parts(session: Session, snapshot: Snapshot) -> dict[str, str]:
    """The selected cell and the painted weights, as a link holds them."""
    parts = {"cell": "", "paint": ""}
    if session.cell is not None and session.cell != snapshot.strongest():
        layer, adapter = session.cell
        parts["cell"] = f"{layer}.{snapshot.adapters[adapter]}"
    what_if = session.what_if
    if what_if is not None and what_if.touched and what_if.fits(snapshot):
        parts["paint"] = write_cells(what_if.cells(snapshot))
    return parts


def _painted(text: str) -> str:
    read_cells(text)
    return text


def _cell(text: str) -> tuple[int, str] | None:
    layer, _, adapter = text.partition(".")
    return (int(layer), adapter) if adapter else None


class Permalinks:
    """Makes and opens links to the Explore tab.

    Args:
        fields: The fields of the controls.
        view_service: Shows a run under the settings of a link.
        collection: The title of the collection, for images.
    """

    def __init__(self, fields: LinkFields, view_service: ViewService, collection: str = "") -> None:
        self._fields = fields
        self._collection = collection
        self._view_service = view_service

    def export_panel(self, session: Session) -> ExportPanel:
        """The export panel with the link of what the page shows."""
        session = session.copy()
        run, snapshot = session.run, session.snapshot
        if snapshot is None:
            return ExportPanel.empty()
        values = controls.values_of(
            snapshot.query,
            snapshot.adapters,
            session.view_settings,
            run.answer_settings if run else None,
        )
        values |= link_parts(session, snapshot)
        link = Permalink(self._fields.encode(values), self._fields.keys)
        note = "" if link_fields.fits(snapshot.query) else _LONG
        view = snapshot.view_settings
        painted = session.what_if.weights if session.what_if else None
        caption = (
            grid_view(snapshot, session.pinned, painted).title,
            text.short(snapshot.query, 90),
            view.in_words,
            self._collection,
        )
        return ExportPanel(
            True,
            link,
            run.number if run else 0,
            note,
            name=files.name_of(snapshot.query),
            caption=tuple(text.safe(line) for line in caption if line),
        )

    def open(
        self, session: Session, given: Mapping[str, str], *, new_page: bool = False
    ) -> tuple[dict[str, Any], Update]:
        """Opens a link.

        If the link has a query, that query waits to be asked. Otherwise the link's view settings
        apply to the run that the page shows.

        Args:
            session: The visitor's session.
            given: The keys and values of the link.
            new_page: Whether the page has just been opened. Its controls have their defaults, so
                only the link's own values are new: a control that a visitor has used in the
                meantime keeps its value.

        Returns:
            The controls' new values by name, and the update of the page; both are empty for a
            link without settings.
        """
        if not any(key in given for key in self._fields.keys):
            return {}, {}
        values, unusable = self._fields.decode(given)
        if not new_page:
            values = {**self._fields.defaults, **values}
        session.open_parts(_cell(values.pop("cell", "")), read_cells(values.pop("paint", "")))
        update: Update = {}
        if values.get("query", "").strip():
            session.open_link(None)
        else:
            values.pop("query", None)  # the query box keeps its text
            with session.lock:
                session.open_link(controls.with_values(session.view_settings, values))
            update = self._view_service.redraw(session)
        if unusable:
            said = f"The value of {text.listed(unusable)} in the link is not valid and was ignored."
            update["status"] = StatusPanel("idle", said)
        return values, update
