"""Checks of a collection against the lenses, positions and normalisations that there are."""

from __future__ import annotations

from analysis.common.errors import InputError
from analysis.measure.lenses import lenses
from analysis.measure.normalisation import NORMALISATIONS
from analysis.measure.trace import POSITIONS
from analysis.models.collection import Collection


def check_collection(collection: Collection) -> None:
    """Refuses a collection without adapters, or whose default settings cannot be used.

    Raises:
        InputError: It has no adapter, there is no such lens, position or normalisation, or
            the lens has no fitted file.
    """
    named = collection.manifest.is_file()
    place = str(collection.manifest) if named else f"The base {collection.base.title}"
    if not collection.adapters:
        raise InputError(
            f"{place} has no adapter: add [[adapters]] with name and folder for each, or "
            "--adapter NAME=FOLDER."
        )
    for key, value, known in (
        ("lens", collection.lens, tuple(lenses())),
        ("position", collection.position, POSITIONS),
        ("normalisation", collection.normalisation, tuple(NORMALISATIONS)),
    ):
        if value not in known:
            raise InputError(
                f"{collection.manifest} has {key} = {value!r}: take one of {', '.join(known)}."
            )
    missing = lenses()[collection.lens].missing_in(collection.folder)
    if missing:
        raise InputError(f"{collection.manifest} has lens = {collection.lens!r}: {missing}.")
