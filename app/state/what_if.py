"""What-if weights: painted by hand over the weights of the grid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from app.state.answers_panel import Heading
from app.state.snapshot import Numbers, Snapshot, frozen

if TYPE_CHECKING:
    from analysis.inference.mixing.rows import Row

SCOPES = {
    "cell": "This cell",
    "layer": "Whole layer",
    "below": "Adapter from here down",
    "adapter": "Adapter in all shown layers",
}
PAINTED, PAINTED_LABEL = "what-if", "What-if weights"
SHOWN, SHOWN_LABEL = "shown", "Shown weights"

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
        drag = -1 - max((one.number for one in self.strokes), default=0)
        for name, first, last, weight in cells:
            for layer in range(first, min(last, len(self.below) - 1) + 1):
                if name in self.adapters:
                    number = 1 + max((one.number for one in painted.strokes), default=0)
                    place, every = self.adapters.index(name), range(len(self.below))
                    painted = painted.paint(
                        Stroke(number, layer, place, weight, "cell", every, drag)
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


@dataclass(frozen=True)
class GridAnswers:
    """The weights of the grid that answer beside the methods.

    Attributes:
        painted: Whether the painted weights answer.
        shown: Whether the weights that the grid shows answer.
    """

    painted: bool = False
    shown: bool = False

    @property
    def labels(self) -> list[str]:
        """The labels of their answers."""
        return [PAINTED_LABEL] * self.painted + [SHOWN_LABEL] * self.shown


def grid_answers(
    what_if: WhatIfWeights | None, adapters: Sequence[str], show: str, with_shown: bool
) -> GridAnswers:
    """Which weights of the grid answer beside the methods.

    Args:
        what_if: The what-if weights, if there are any.
        adapters: The adapters of the run.
        show: What the grid shows.
        with_shown: Whether the visitor asked for an answer with the weights that are shown.
    """
    painted = what_if is not None and what_if.touched and what_if.adapters == tuple(adapters)
    return GridAnswers(painted, with_shown and not (painted and show == "what-if"))


def painted_row(what_if: WhatIfWeights) -> tuple[Row, Heading]:
    """The row of the painted weights, and the heading of its answer."""
    heading = Heading(PAINTED, PAINTED_LABEL, "The weights that you painted.")
    return _row(PAINTED, what_if.adapters, what_if.weights), heading


def shown_row(snapshot: Snapshot) -> tuple[Row, Heading]:
    """The row of the weights that are shown, and the heading of its answer."""
    heading = Heading(
        SHOWN, SHOWN_LABEL, f"The weights of the grid. {snapshot.view_settings.described()}"
    )
    return _row(SHOWN, snapshot.adapters, snapshot.weights), heading


def _row(name: str, adapters: tuple[str, ...], weights: Numbers) -> Row:
    import torch

    from analysis.inference.mixing.policies import ConstantWeights
    from analysis.inference.mixing.rows import Row

    return Row(name, ConstantWeights(adapters, torch.tensor(weights, dtype=torch.float64)))
