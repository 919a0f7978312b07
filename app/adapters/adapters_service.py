"""The adapters service: inspects adapters, and opens pages with more or fewer of them."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.models.collection import AdapterEntry, Collection
from analysis.models.manifest import with_adapters
from analysis.models.own_collection import adapter_entry, of_choice, with_entries
from app.adapters.adapters_panel import AdapterCard, AdaptersPanel, adapter_card
from app.server.loader import Loader
from app.server.pages import Pages
from app.widgets.words.said import say

if TYPE_CHECKING:
    from analysis.engine import Engine
    from analysis.models.inspection.inspection import Inspection

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class _Known:
    cards: tuple[AdapterCard, ...]
    norms: tuple[tuple[str, float], ...]


class AdaptersService:
    """Gives the content of the tab; what it finds of the page's adapters is kept.

    Args:
        collection: The collection of the page.
        loader: Gives the engine once it is loaded.
        pages: The pages of the server.
    """

    def __init__(self, collection: Collection, loader: Loader, pages: Pages) -> None:
        self._collection = collection
        self._loader = loader
        self._pages = pages
        self._known: _Known | None = None
        self._lock = threading.Lock()

    @property
    def waits(self) -> bool:
        """Whether the adapters are not loaded yet, but soon will be."""
        return self._known is None and self._loader.now.state != "failed"

    def panel(self, message: str = "", *, failed: bool = False) -> AdaptersPanel:
        """The adapters, as far as they are known.

        Args:
            message: What became of the last action.
            failed: Whether the message is of a failure.
        """
        count = len(self._collection.adapters)
        if self._known is None:
            state = self._loader.now.state
            sentence = (
                say("The model could not be loaded, so its adapters are not known.")
                if state == "failed"
                else say("What each adapter is appears here once the model is loaded.")
            )
        else:
            title = self._collection.base.title
            sentence = (
                say("1 adapter for {base}.", base=title)
                if count == 1
                else say("{count} adapters for {base}.", count=count, base=title)
            )
        cards = self._known.cards if self._known else ()
        return AdaptersPanel(sentence, cards, None, message, failed, number=next(_NUMBERS))

    def inspect_all(self) -> None:
        """Inspects the adapters of the page, once, as soon as they are loaded."""
        engine = self._loader.engine
        with self._lock:
            if engine is None or self._known is not None:
                return
            base = self._collection.base.public_name
            found = [engine.inspect(one.entry, base) for one in engine.loaded]
            labels = {one.name: one.label for one in self._collection.adapters}
            norms = tuple((labels[one.name], one.norm or 0.0) for one in found)
            removable = self._pages.may_add and self._pages.can_open and len(found) > 1
            self._known = _Known(
                tuple(
                    adapter_card(
                        one,
                        labels[one.name],
                        place,
                        [size for other, size in enumerate(norms) if other != place],
                        removable,
                    )
                    for place, one in enumerate(found)
                ),
                norms,
            )

    def inspect(self, place: str, name: str) -> AdaptersPanel:
        """Looks into an adapter that is not on the page.

        Args:
            place: A folder or a hub id.
            name: Its name; empty for one from its place.

        Raises:
            InputError: This server does not allow it, or there is no such place.
        """
        entry, found = self._inspection(place, name)
        said = (
            say("It cannot be mixed.")
            if found.refused
            else say("It can be mixed: add it with the button.")
        )
        card = self._card(entry, found)
        return replace(self.panel(said, failed=bool(found.refused)), inspected=card)

    def add(self, place: str, name: str) -> AdaptersPanel:
        """Opens a page with one adapter more; the page that shows it now stays as it is.

        Raises:
            InputError: This server does not allow it, or there is no such place.
        """
        entry, found = self._inspection(place, name)
        if found.refused:
            said = say("It cannot be mixed, so it is not added.")
            return replace(self.panel(said, failed=True), inspected=self._card(entry, found))
        address = self._pages.open(of_choice(with_entries(self._collection, [entry])))
        return replace(
            self.panel(say("Added {name}: opening its page.", name=entry.name)), open=address
        )

    def remove(self, name: str) -> AdaptersPanel:
        """Opens a page with one adapter fewer.

        Raises:
            InputError: This server does not allow it, or it is the only one.
        """
        self._check_allowed()
        rest = [one for one in self._collection.names if one != name]
        if not rest or len(rest) == len(self._collection.names):
            raise InputError(f"{name} cannot be removed: a page needs one adapter at least.")
        address = self._pages.open(of_choice(with_adapters(self._collection, rest)))
        return replace(
            self.panel(say("Removed {name}: opening the page without it.", name=name)), open=address
        )

    def _check_allowed(self) -> Engine:
        if not self._pages.may_add or not self._pages.can_open:
            raise InputError(
                "This server takes no adapters from visitors: start your own with `python app.py "
                "--adapter NAME=FOLDER`."
            )
        return self._loader.loaded

    def _inspection(self, place: str, name: str) -> tuple[AdapterEntry, Inspection]:
        engine = self._check_allowed()
        if not place.strip():
            raise InputError("Give a folder, or a hub id such as owner/name.")
        entry = adapter_entry(f"{name.strip()}={place.strip()}" if name.strip() else place.strip())
        return entry, engine.inspect(entry, self._collection.base.public_name)

    def _card(self, entry: AdapterEntry, found: Inspection) -> AdapterCard:
        self.inspect_all()
        norms = self._known.norms if self._known else ()
        return adapter_card(found, entry.label, -1, norms, False)
