"""The faults of task files, gathered so that all can be mended at once."""

from __future__ import annotations

from pathlib import Path

from analysis.common.errors import InputErrors

MOST = 20
"""The most faults that are told in full; the rest are counted."""


class Faults:
    """Gathers faults while files are read."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._more = 0

    def add(self, message: str) -> None:
        """Notes a fault in one line."""
        if len(self._told) < MOST:
            self._told.append(message)
        else:
            self._more += 1

    def add_line(self, path: Path, number: int, reason: str) -> None:
        """Notes a line, counted from 1, that is not an item."""
        self.add(f"{path}, line {number} is not an item: {reason}. Correct it or take it out.")

    def check(self) -> None:
        """Refuses the files.

        Raises:
            InputErrors: There was a fault.
        """
        if self._more:
            lines = (
                "1 more line has a fault"
                if self._more == 1
                else f"{self._more} more lines have faults"
            )
            raise InputErrors([*self._told, f"{lines}: mend those above first."])
        if self._told:
            raise InputErrors(self._told)
