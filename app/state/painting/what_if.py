"""What-if weights: painted by hand over the weights of the grid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from app.state.snapshot import Numbers, Snapshot, frozen

SCOPES = {
    "cell": "This cell",
    "layer": "Whole layer",
    "below": "Adapter from here down",
    "adapter": "Adapter in all shown layers",
}

# Strokes that the browser sends quickly may arrive in another order, but not so many late.
_MOST_STROKES = 256

Cells: TypeAlias = tuple[tuple[str, int, int, float], ...]
"""Painted cells as a link holds them: adapter, first layer, last layer, weight."""

_CELLS = re.compile(r"([^:;=]+):(\d{1,4})(?:-(\d{1,4}))?=(\d(?:\.\d{1,4})?)")
_MOST_WEIGHT = 2.0


@dataclass(frozen=True)
class Stroke:
    """One stroke of the brush.

    Attributes:
        number: Order of the strokes; a later stroke paints over an earlier one.
        layer: The layer of the clicked cell.
        adapter: The adapter's index.
        weight: The weight that the cells get.
        scope: One of `SCOPES`.
        visible_layers: The layers that the page showed; no other layer is painted.
        drag: Number of the movement that it is a part of, which is taken back as a whole; 0 for a
            stroke on its own.
    """

    number: int
    layer: int
    adapter: int
    weight: float
    scope: str
    visible_layers: range
    drag: int = 0

    def covers(self, row: int, column: int) -> bool:
        """Whether the stroke paints a cell."""
        if row not in self.visible_layers:
            return False
        match self.scope:
            case "layer":
                return row == self.layer
            case "below":
                return row >= self.layer and column == self.adapter
            case "adapter":
                return column == self.adapter
        return (row, column) == (self.layer, self.adapter)


@dataclass(frozen=True)
class WhatIfWeights:
    """Weights that the visitor painted.

    Attributes:
        adapters: Names of the adapters.
        below: The weights below the strokes, `[layers][adapters]`.
        strokes: The newest strokes by ascending number, at most 256; `below` holds the older ones.
    """

    adapters: tuple[str, ...]
    below: Numbers
    strokes: tuple[Stroke, ...] = ()

    @classmethod
    def over(cls, snapshot: Snapshot) -> WhatIfWeights:
        """The weights of a snapshot, to paint over."""
        return cls(snapshot.adapters, snapshot.weights)

    @property
    def touched(self) -> bool:
        """Whether anything was painted."""
        return bool(self.strokes)

    @property
    def weights(self) -> Numbers:
        """The painted weights, `[layers][adapters]`."""
        return _painted(self.below, self.strokes)

    def fits(self, snapshot: Snapshot) -> bool:
        """Whether the painted weights have the adapters and layers of a snapshot."""
        return self.adapters == snapshot.adapters and len(self.below) == snapshot.layers

    @property
    def next_number(self) -> int:
        """The number of a stroke over all strokes so far."""
        return 1 + max((one.number for one in self.strokes), default=0)

    def on(self, snapshot: Snapshot, before: Snapshot | None) -> WhatIfWeights:
        """The painted weights where another snapshot is shown.

        Args:
            snapshot: The snapshot that is shown now.
            before: The snapshot before; of the same run, its painted cells stay.
        """
        if self.touched and self.fits(snapshot):
            return self
        over = WhatIfWeights.over(snapshot)
        if not self.touched or before is None or before.run != snapshot.run:
            return over
        return over.with_cells(self.cells(before))

    def paint(self, stroke: Stroke) -> WhatIfWeights:
        """A copy with one more stroke, which may arrive after later strokes."""
        strokes = sorted((*self.strokes, stroke), key=lambda one: one.number)
        old, new = strokes[:-_MOST_STROKES], strokes[-_MOST_STROKES:]
        return replace(self, below=_painted(self.below, old), strokes=tuple(new))

    def undo(self) -> WhatIfWeights:
        """A copy without the last stroke, or without the last movement of the brush."""
        if not self.strokes:
            return self
        last = self.strokes[-1]
        kept = [
            one
            for one in self.strokes
            if one is not last and not (last.drag and one.drag == last.drag)
        ]
        return replace(self, strokes=tuple(kept))

    def cells(self, snapshot: Snapshot) -> Cells:
        """The cells whose weight is other than that of the snapshot, for a link."""
        found: list[tuple[str, int, int, float]] = []
        painted = self.weights
        for place, name in enumerate(self.adapters):
            for layer, row in enumerate(painted):
                if row[place] == snapshot.weights[layer][place]:
                    continue
                weight = round(row[place], 4)
                if found and found[-1][::3] == (name, weight) and found[-1][2] == layer - 1:
                    found[-1] = (name, found[-1][1], layer, weight)
                else:
                    found.append((name, layer, layer, weight))
        return tuple(found)

    def with_cells(self, cells: Cells) -> WhatIfWeights:
        """A copy with painted cells, as one movement; other adapters and layers are left out."""
        painted = self
        drag = -self.next_number
        for name, first, last, weight in cells:
            for layer in range(first, min(last, len(self.below) - 1) + 1):
                if name in self.adapters:
                    place, every = self.adapters.index(name), range(len(self.below))
                    painted = painted.paint(
                        Stroke(painted.next_number, layer, place, weight, "cell", every, drag)
                    )
        return painted


def write_cells(cells: Cells) -> str:
    """Painted cells as a link holds them: `math:8-17=1;spanish:0=0.5`."""
    return ";".join(
        f"{name}:{first}{f'-{last}' if last > first else ''}={weight:g}"
        for name, first, last, weight in cells
    )


def read_cells(written: str) -> Cells:
    """Painted cells, from a link.

    Raises:
        ValueError: The text is not made of such cells.
    """
    cells = []
    for part in written.split(";") if written else ():
        match = _CELLS.fullmatch(part)
        if match is None:
            raise ValueError(part)
        name, first, last, weight = match.groups()
        if not int(first) <= int(last or first) or not 0 <= float(weight) <= _MOST_WEIGHT:
            raise ValueError(part)
        cells.append((name, int(first), int(last or first), float(weight)))
    return tuple(cells)


def _painted(weights: Numbers, strokes: Sequence[Stroke]) -> Numbers:
    values = [list(row) for row in weights]
    for stroke in strokes:
        for row, of_layer in enumerate(values):
            for column in range(len(of_layer)):
                if stroke.covers(row, column):
                    of_layer[column] = stroke.weight
    return frozen(values)
