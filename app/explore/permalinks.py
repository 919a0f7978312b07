"""Permalinks of the Explore tab: the link of what the page shows, and opening a link."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from analysis.common.errors import InputError
from app.explore import controls
from app.export import files
from app.server.guard import text_of
from app.server.pages import Pages
from app.services.updates import Update
from app.services.view_service import ViewService
from app.state import link_fields
from app.state.link_fields import Field, LinkFields
from app.state.painting.what_if import read_cells, write_cells
from app.state.pin import Pin
from app.state.requests.linked_run import LinkedRun
from app.state.session import Session
from app.state.settings.view_settings import OF_PIN
from app.state.settings.wording import in_words
from app.state.snapshot import Snapshot
from app.views.export_panel import ExportPanel, Permalink
from app.views.grid.grid_views import grid_view
from app.widgets import text
from app.widgets.status import StatusPanel
from app.widgets.words.said import say

_NAME = re.compile(r"[^\s]{1,80}")
_CELL = re.compile(r"\d{1,4}\.[^\s.][^\s]*", re.ASCII)
_LONG_PIN = say("The pinned run is too long for a link; the link leaves it out.")
_LONG = say("The question is too long for a link; the link has the settings only.")


def part_fields() -> dict[str, Field]:
    """The fields of what a link holds beside the values of controls."""
    return {
        "cell": Field("cell", link_fields.matching(_CELL), ""),
        "paint": Field("paint", _painted, ""),
        "pin": Field("pin", _pinned, ""),
        "collection": Field("collection", link_fields.matching(_NAME), ""),
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


def _pinned(text: str) -> str:
    if not link_fields.pairs(text).get("q", "").strip():
        raise ValueError(text)
    return text


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
        name: Its name, for links; no link names it if empty.
        pages: The pages of the server, to which links of other collections lead.
    """

    def __init__(
        self,
        fields: LinkFields,
        view_service: ViewService,
        collection: str = "",
        name: str = "",
        pages: Pages | None = None,
    ) -> None:
        self.fields = fields
        self._pages = pages
        self._name = name
        self._collection = collection
        self.view_service = view_service

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
        values |= link_parts(session, snapshot) | {"collection": self._name, "pin": ""}
        note = "" if link_fields.fits(snapshot.query) else _LONG
        if session.pinned is not None:
            values["pin"] = self._pin(session.pinned)
            if not link_fields.fits(values["pin"]):
                note = note or _LONG_PIN
        if values["show"] in OF_PIN and (session.pinned is None or note):
            values["show"] = "weights"
        link = Permalink(self.fields.encode(values), self.fields.keys)
        view = snapshot.view_settings
        painted = session.what_if.weights if session.what_if else None
        caption = (
            grid_view(snapshot, session.pinned_snapshot, painted).title,
            text.short(snapshot.query, 90),
            in_words(view),
            self._collection,
        )
        return ExportPanel(
            True,
            link,
            run.number if run else 0,
            note,
            name=files.name_of(snapshot.query),
            caption=tuple(text.safe(line) for line in caption if line),
            moment=session.moment,
        )

    def _pin(self, pin: Pin) -> str:
        """The pinned run as a link of its own."""
        snapshot, run = pin.snapshot, pin.run
        values = controls.values_of(
            snapshot.query,
            snapshot.adapters,
            replace(snapshot.view_settings, show="weights"),
            run.answer_settings if run else None,
        )
        return self.fields.encode(values)

    def open(
        self, session: Session, given: Mapping[str, str], *, new_page: bool = False
    ) -> tuple[dict[str, Any], Update]:
        """Opens a link.

        A link of another collection that the server has leads to the page of that collection.

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
        if not any(key in given for key in self.fields.keys):
            return {}, {}
        values, unusable = self.fields.decode(given)
        if not new_page:
            values = {**self.fields.defaults, **values}
        made_with = values.pop("collection", "")
        other = made_with if self._name and made_with != self._name else ""
        address, full = self._page_of(other) if other else ("", "")
        if address:
            going = f"Opening the page of “{text.plain(other)}”, with which this link was made"
            link = urlencode(dict(given), errors="replace")
            return {}, {"status": StatusPanel("working", going, open=f"{address}?{link}")}
        pin, show = link_fields.pairs(values.pop("pin", "")), values.get("show", "")
        asks = bool(values.get("query", "").strip())
        if show in OF_PIN:
            values["show"] = "weights"  # until there is a pin to compare with
        pinned = {**self.fields.defaults, **self.fields.decode(pin)[0]} if pin and asks else None
        linked = LinkedRun(
            waits=asks,
            cell=_cell(values.pop("cell", "")),
            paint=read_cells(values.pop("paint", "")),
            pin=pinned,
            show=show if show in OF_PIN else "",
        )
        update: Update = {}
        if asks:
            session.open_link(linked)
        else:
            values.pop("query", None)  # the query box keeps its text
            with session.lock:
                session.open_link(linked, controls.with_values(session.view_settings, values))
            update = self.view_service.redraw(session)
        notices = []
        if other:
            notices.append(
                f"This link was made with the collection “{text.plain(other)}”, which this server "
                f"does not have. This page has “{text.plain(self._name)}”, so its numbers differ."
            )
            notices += [full] if full else []
        if unusable:
            notices.append(
                f"The value of {text.listed(unusable)} in the link is not valid and was ignored."
            )
        if notices:
            status = update.get("status", StatusPanel.empty())
            update["status"] = replace(status, notice=" ".join(notices))
        return values, update

    def _page_of(self, collection: str) -> tuple[str, str]:
        """The address of a collection's page, or why it cannot be opened; both may be empty."""
        try:
            return (self._pages.address_of(collection) if self._pages else ""), ""
        except InputError as error:
            return "", text_of(error, "")
