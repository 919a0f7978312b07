"""Labels of adapters as a page has room for them."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.models.collection import Collection
from app.widgets import text

_LONGEST = 160


def labels_of(collection: Collection) -> Mapping[str, str]:
    """Each adapter's label by its name, as one line that a page has room for."""
    return {
        adapter.name: text.short(text.plain(adapter.label), _LONGEST)
        for adapter in collection.adapters
    }
