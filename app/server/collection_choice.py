"""A collection of the server that a visitor may change to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CollectionChoice:
    """A collection to choose.

    Attributes:
        title: Its title.
        address: The address of its page; empty where it has none yet.
        name: Its name.
        here: Whether it is the collection of the page.
    """

    title: str
    address: str
    name: str
    here: bool
