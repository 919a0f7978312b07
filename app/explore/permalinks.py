"""The page's address: the link of what is shown, and what a link brings back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.models.manifest import Collection
from app.explore import controls
from app.explore.view_service import Update, ViewService
from app.state import link_fields
from app.state.session import Session
from app.views.cell_view import View
from app.views.files_view import files_view
from app.widgets.status import status_view
from app.widgets.text import listed

_LONG = "The question is too long for a link, which has the settings alone."


class Permalinks:
    """Links to what a collection's page shows.

    Args:
        collection: What the page is about.
        view_service: Shows what is there as a link wants it.
    """

    def __init__(self, collection: Collection, view_service: ViewService) -> None:
        self._fields = controls.fields(collection)
        self._keys = [field.key for field in self._fields]
        self._view_service = view_service

    def of(self, session: Session) -> View:
        """The files' panel with the link of what is shown; of nothing there is none."""
        run, snapshot = session.run, session.snapshot
        if snapshot is None:
            return files_view(False)
        settings = controls.settings(
            self._fields,
            snapshot.query,
            snapshot.adapters,
            session.view_settings,
            run.answer_settings if run else None,
        )
        link = {"text": link_fields.encode(self._fields, settings), "keys": self._keys}
        note = "" if link_fields.fits(snapshot.query) else _LONG
        return files_view(True, link, run.number if run else 0, note)

    def open(self, session: Session, given: Mapping[str, str]) -> tuple[list[Any], Update]:
        """Brings back what a link is about.

        A query is left to be asked; settings alone are how what is there is looked at.

        Returns:
            The values of query, adapters, look and answers, in the order of the controls, with None
            for a query that stays; nothing where the link has no settings. And what the page shows.
        """
        if not any(key in given for key in self._keys):
            return [], {}
        (query, adapters, *rest), unusable = link_fields.decode(self._fields, given)
        session.linked = bool(query.strip())
        view_settings = controls.view_settings_of(*rest[: controls.LOOKS])
        shown = {} if session.linked else self._view_service.change_settings(session, view_settings)
        if unusable:
            said = f"The link's {listed(unusable)} cannot be used here and was left out."
            shown["status"] = status_view("idle", said)
        return [query if session.linked else None, adapters, *rest], shown
