"""The page's address: the link of what is shown, and what a link brings back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.collection import Collection
from app import controls, links, views
from app.looking import Looker, Update
from app.session import Session
from app.text import listed

_LONG = "The question is too long for a link, which has the settings alone."


class Addresses:
    """Links to what a collection's page shows.

    Args:
        collection: What the page is about.
        looker: Shows what is there as a link wants it.
    """

    def __init__(self, collection: Collection, looker: Looker) -> None:
        self._fields = controls.fields(collection)
        self._keys = [field.key for field in self._fields]
        self._looker = looker

    def of(self, session: Session) -> views.View:
        """The files' panel with the link of what is shown; of nothing there is none."""
        run, picture = session.run, session.picture
        if picture is None:
            return views.taken(False)
        settings = controls.settings(
            self._fields, picture.query, picture.adapters, session.look, run and run.asking
        )
        link = {"text": links.encode(self._fields, settings), "keys": self._keys}
        note = "" if links.fits(picture.query) else _LONG
        return views.taken(True, link, run.number if run else 0, note)

    def open(self, session: Session, given: Mapping[str, str]) -> tuple[list[Any], Update]:
        """Brings back what a link is about.

        A query is left to be asked; settings alone are how what is there is looked at.

        Returns:
            The values of query, adapters, look and answers, in the order of the controls, with None
            for a query that stays; nothing where the link has no settings. And what the page shows.
        """
        if not any(key in given for key in self._keys):
            return [], {}
        (query, adapters, *rest), unusable = links.decode(self._fields, given)
        session.linked = bool(query.strip())
        look = controls.look_of(*rest[: controls.LOOKS])
        shown = {} if session.linked else self._looker.look(session, look)
        if unusable:
            said = f"The link's {listed(unusable)} cannot be used here and was left out."
            shown["status"] = views.status("idle", said)
        return [query if session.linked else None, adapters, *rest], shown
