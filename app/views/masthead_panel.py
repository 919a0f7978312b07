"""The head of the page: the collection, and how far its model is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.models.collection import Collection
from app.server.loader import Loading
from app.widgets import text


@dataclass(frozen=True)
class MastheadPanel:
    """The head of the page.

    Attributes:
        collection: The collection's title.
        text: What is being loaded, or the state.
        share: How much is loaded, 0 to 1.
        state: `loading`, `ready` or `failed`.
    """

    collection: str
    text: str
    share: float
    state: str


def masthead_panel(collection: Collection, loading: Loading) -> MastheadPanel:
    """The head of a collection's page."""
    return MastheadPanel(
        collection=text.plain(collection.title),
        text=text.plain(loading.what),
        share=loading.share,
        state=loading.state,
    )
