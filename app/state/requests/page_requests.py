"""The requests of one visitor's page: the newest goes on, and the older ones end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from app.state.requests.linked_run import LinkedRun
from app.state.requests.tickets import Tickets
from app.state.settings.view_settings import ViewSettings

if TYPE_CHECKING:
    from analysis.common.progress import Progress


class Stopped(Exception):
    """The visitor pressed Stop."""


@dataclass(eq=False)
class PageRequests:
    """The requests of a page, and the view settings that the newest ones have.

    Attributes:
        tickets: The numbers of the requests.
        view_settings: The newest view settings.
        linked: The parts of a permalink that wait for its run.
        lock: Held during each change.
    """

    tickets: Tickets = field(default_factory=Tickets)
    view_settings: ViewSettings = field(default_factory=ViewSettings)
    linked: LinkedRun = field(default_factory=LinkedRun)

    def __post_init__(self) -> None:
        # No field: Gradio copies the fields of its states, and locks have no copies.
        self.lock = threading.RLock()

    @property
    def busy(self) -> bool:
        """Whether a request runs."""
        return self.tickets.busy

    def begin(self, view_settings: ViewSettings | None = None, *, gives_way: bool = False) -> int:
        """Takes a number for a new request and ends the older requests.

        Args:
            view_settings: The view settings of its result; the present settings by default.
            gives_way: Whether a change of view settings may end it.
        """
        with self.lock:
            self.tickets = self.tickets.next(gives_way)
            if view_settings is not None:
                self.view_settings = view_settings
            return self.tickets.newest

    def begin_aside(self) -> int | None:
        """Takes a number for a request that gives way, unless one runs that must finish."""
        with self.lock:
            if self.busy and not self.tickets.gives_way:
                return None
            return self.begin(gives_way=True)

    def stop(self) -> None:
        """Ends the running request at its next step, and drops a link that waits behind it."""
        with self.lock:
            if self.linked.waits:
                self.linked = LinkedRun()
            self.tickets = self.tickets.without(self.tickets.newest)

    def end(self, ticket: int) -> bool:
        """Ends a request, and tells whether it is still the newest one."""
        with self.lock:
            self.tickets = self.tickets.without(ticket)
            return ticket == self.tickets.newest

    def check(self, ticket: int) -> None:
        """Raises Stopped if a request has to end."""
        with self.lock:
            if ticket <= self.tickets.ended:
                raise Stopped

    def progress_of(self, ticket: int, tell: Progress) -> Progress:
        """A progress callback that also ends a stopped request."""

        def progress(what: str, share: float) -> None:
            self.check(ticket)
            tell(what, share)

        return progress

    def change_settings(self, view_settings: ViewSettings) -> None:
        """Takes new view settings."""
        with self.lock:
            self.view_settings = view_settings

    def open_link(self, linked: LinkedRun, view_settings: ViewSettings | None = None) -> None:
        """Takes the parts of a permalink for its run, and view settings for the shown run."""
        with self.lock:
            self.linked = linked
            if view_settings is not None:
                self.view_settings = view_settings

    def take_query(self) -> bool:
        """Whether a permalink's query waits to be asked; it no longer waits afterwards."""
        with self.lock:
            before, self.linked = self.linked, replace(self.linked, waits=False)
            return before.waits

    def take_pin(self) -> tuple[Mapping[str, Any] | None, str]:
        """The run that a permalink pins, and what is to be shown of it; once."""
        with self.lock:
            before, self.linked = self.linked, replace(self.linked, pin=None, show="")
            return before.pin, before.show
