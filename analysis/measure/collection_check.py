"""Checks of a collection against the lenses that there are."""

from __future__ import annotations

from analysis.common.errors import InputError
from analysis.measure.lenses import lenses
from analysis.models.manifest import Collection


def check_collection(collection: Collection) -> None:
    """Refuses a collection whose default settings cannot be used.

    Raises:
        InputError: There is no such lens.
    """
    if collection.lens not in lenses():
        raise InputError(
            f"{collection.folder}: the manifest of {collection.name} has lens = "
            f"{collection.lens!r}: take one of {', '.join(lenses())}."
        )
