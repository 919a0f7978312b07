"""Permalinks of the Explore tab: the link of what the page shows, and opening a link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.explore import controls
from app.services.updates import Update
from app.services.view_service import ViewService
from app.state import link_fields
from app.state.link_fields import LinkFields
from app.state.session import Session
from app.views.export_panel import ExportPanel, Permalink
from app.widgets.status import StatusPanel
from app.widgets.text import listed

_LONG = "The question is too long for a link; the link has the settings only."


class Permalinks:
    """Makes and opens links to the Explore tab.

    Args:
        fields: The fields of the controls.
        view_service: Shows a run under the settings of a link.
    """

    def __init__(self, fields: LinkFields, view_service: ViewService) -> None:
        self._fields = fields
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
        link = Permalink(self._fields.encode(values), self._fields.keys)
        note = "" if link_fields.fits(snapshot.query) else _LONG
        return ExportPanel(True, link, run.number if run else 0, note)

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
        update: Update = {}
        if values.get("query", "").strip():
            session.open_link(None)
        else:
            values.pop("query", None)  # the query box keeps its text
            with session.lock:
                session.open_link(controls.with_values(session.view_settings, values))
            update = self._view_service.redraw(session)
        if unusable:
            text = f"The value of {listed(unusable)} in the link is not valid and was ignored."
            update["status"] = StatusPanel("idle", text)
        return values, update
