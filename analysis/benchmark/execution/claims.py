"""Which of several processes runs a batch: the first that comes to it."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

from analysis.benchmark.execution.batches import Batch


class Claims:
    """The batches that a process has begun, as files in a folder that all processes see.

    Args:
        folder: The benchmark's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "claims"

    def clear(self) -> None:
        """Forgets all claims, also those of a run that was killed. One process calls it."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder)

    def claim(self, batch: Batch) -> bool:
        """Claims a batch; False where another process has it."""
        self._folder.mkdir(exist_ok=True)
        # Its first item names it: a process that a killed run has left may have other batches left.
        name = hashlib.sha256(f"{batch.task} {batch.items[0].id}".encode()).hexdigest()
        try:
            (self._folder / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True
