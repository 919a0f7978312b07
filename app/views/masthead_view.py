"""The head of the page."""

from __future__ import annotations

from typing import Any

from analysis.models.manifest import Collection
from app.server.loader import Loading
from app.widgets import text

View = dict[str, Any]


def masthead_view(collection: Collection, loading: Loading) -> View:
    """The page's head."""
    return {
        "collection": text.plain(collection.title),
        "what": text.plain(loading.what),
        "share": loading.share,
        "state": loading.state,
    }
