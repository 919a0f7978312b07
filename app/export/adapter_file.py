"""The fused adapter of the page's weights, as one file for PEFT."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.models.collection import Collection
from app.export.files import name_of
from app.state.session import Session
from app.state.settings.wording import in_words

if TYPE_CHECKING:
    from analysis.engine import Engine


def write_adapter(path: Path, collection: Collection, session: Session, engine: Engine) -> None:
    """Writes one adapter with the weights that the page shows, or those that were painted.

    Args:
        path: The ZIP file; its folder is what `PeftModel.from_pretrained` takes.
        collection: The collection of the page.
        session: The visitor's session; it shows a snapshot.
        engine: The engine of the run.

    Raises:
        InputError: There is nothing to show, or all weights are 0.
    """
    import torch

    from analysis.export.fused_factors import fused
    from analysis.export.peft_folder import Making, write_folder
    from analysis.models.manifest import with_adapters
    from analysis.models.provenance import provenance

    session = session.copy()
    snapshot, what_if = session.snapshot, session.what_if
    if snapshot is None:
        raise InputError("There is no run to export yet: ask a question first.")
    painted = what_if is not None and what_if.touched and what_if.fits(snapshot)
    weights = what_if.weights if painted and what_if is not None else snapshot.weights
    factors = [engine.facts.factors(name) for name in snapshot.adapters]
    modules = fused(factors, torch.tensor(weights, dtype=torch.float64), engine.modules)
    used = with_adapters(collection, snapshot.adapters)
    making = Making(
        used,
        provenance(used, engine.computation, engine.facts.digests),
        "painted weights" if painted else "weights of the page",
        in_words(snapshot.view_settings),
        [snapshot.query],
        snapshot.adapters,
        weights,
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / name_of(snapshot.query)
        write_folder(place, modules, making)
        # Stored as it is: numbers hardly shrink.
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(place.iterdir()):
                archive.write(file, f"{place.name}/{file.name}")
