"""The lens that a collection begins with."""

from __future__ import annotations

from analysis.common.errors import InputError
from analysis.measure.lens import check_lens
from analysis.models.manifest import Collection


def default_lens(collection: Collection) -> str:
    """The lens of a collection's manifest, once it is known to exist.

    Raises:
        InputError: There is no such lens.
    """
    try:
        check_lens(collection.lens)
    except InputError as error:
        raise InputError(f"The manifest in {collection.folder}, field lens: {error}") from error
    return collection.lens
