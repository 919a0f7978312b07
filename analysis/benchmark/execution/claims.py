"""Which of several processes runs a batch: the first that comes to it."""

from __future__ import annotations

import shutil
from pathlib import Path


class Claims:
    """The batches that a process has begun, as files in a folder that all processes see.

    Args:
        folder: The benchmark's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "claims"

    def clear(self) -> None:
        """Forgets all claims, also those of a run that was killed. One process calls it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def claim(self, number: int) -> bool:
        """Claims a batch; False where another process has it.

        Args:
            number: Its number, the same in all processes.
        """
        self._folder.mkdir(exist_ok=True)
        try:
            (self._folder / str(number)).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True
