"""Checks of a collection against the lenses, positions and normalisations that there are."""

from __future__ import annotations

from analysis.common.errors import InputError
from analysis.measure.lenses import lenses
from analysis.measure.normalisation import NORMALISATIONS
from analysis.measure.trace import POSITIONS
from analysis.models.manifest import Collection


def check_collection(collection: Collection) -> None:
    """Refuses a collection whose default settings cannot be used.

    Raises:
        InputError: There is no such lens, position or normalisation.
    """
    for key, value, known in (
        ("lens", collection.lens, tuple(lenses())),
        ("position", collection.position, POSITIONS),
        ("normalisation", collection.normalisation, tuple(NORMALISATIONS)),
    ):
        if value not in known:
            raise InputError(
                f"{collection.folder}: the manifest of {collection.name} has {key} = {value!r}: "
                f"take one of {', '.join(known)}."
            )
