"""The run that a permalink asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.state.painting.what_if import Cells


@dataclass(frozen=True)
class LinkedRun:
    """The parts of a permalink that wait for a run; each is taken once.

    Attributes:
        waits: Whether the query of the link waits to be asked.
        cell: The layer and the adapter's name that it selects.
        paint: The cells that it paints.
        pin: The values of the controls of the run that it pins.
        show: What the grid is to show of that pin; empty for nothing.
    """

    waits: bool = False
    cell: tuple[int, str] | None = None
    paint: Cells = ()
    pin: Mapping[str, Any] | None = None
    show: str = ""
