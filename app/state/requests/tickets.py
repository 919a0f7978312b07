"""Tickets: the numbers of a visitor's requests, of which the newest alone goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Tickets:
    """The numbers of a visitor's requests.

    Attributes:
        newest: Number of the newest request.
        ended: Number of the newest request that has ended, or is to end.
        gives_way: Whether a change of view settings may end the newest request.
    """

    newest: int = 0
    ended: int = 0
    gives_way: bool = False

    @property
    def busy(self) -> bool:
        """Whether a request runs."""
        return self.newest > self.ended

    def next(self, gives_way: bool) -> Tickets:
        """With one more request, which ends the older ones."""
        return Tickets(self.newest + 1, self.newest, gives_way)

    def without(self, ticket: int) -> Tickets:
        """With a request and the older ones ended."""
        return replace(self, ended=max(self.ended, ticket))
