"""What-if weights: painted by hand over a method's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.state.answer_stream import Heading
from app.state.numbers import Numbers, rows
from app.state.snapshot import Snapshot

if TYPE_CHECKING:
    from analysis.inference.mixing.rows import Row

SCOPES = {
    "cell": "This cell",
    "layer": "Its whole layer",
    "below": "Its adapter from here down",
    "adapter": "Its adapter in all layers shown",
}
NAME, LABEL = "what-if", "What if"
SHOWN, SHOWN_LABEL = "shown", "As shown"


@dataclass(frozen=True)
class WhatIfWeights:
    """Weights that somebody painted.

    Attributes:
        adapters: Names of the adapters.
        weights: `[layers][adapters]`.
        touched: Whether anything was painted.
    """

    adapters: tuple[str, ...]
    weights: Numbers
    touched: bool = False

    @classmethod
    def over(cls, snapshot: Snapshot) -> WhatIfWeights:
        """The weights of a picture, to paint over."""
        return cls(snapshot.adapters, snapshot.weights)

    def fits(self, snapshot: Snapshot) -> bool:
        """Whether it can stay where another picture is shown."""
        return self.adapters == snapshot.adapters and len(self.weights) == snapshot.layers

    def paint(
        self, layer: int, adapter: int, weight: float, scope: str, shown: range
    ) -> WhatIfWeights:
        """With one weight in some cells.

        Args:
            layer: The layer that was meant.
            adapter: The adapter's place.
            weight: What the cells get.
            scope: One of `SCOPES`.
            shown: The layers that are shown; no other is painted.
        """

        def meant(row: int, column: int) -> bool:
            if row not in shown:
                return False
            match scope:
                case "layer":
                    return row == layer
                case "below":
                    return row >= layer and column == adapter
                case "adapter":
                    return column == adapter
            return (row, column) == (layer, adapter)

        values = [
            [weight if meant(row, column) else value for column, value in enumerate(weights)]
            for row, weights in enumerate(self.weights)
        ]
        return WhatIfWeights(self.adapters, rows(values), touched=True)


def extra(
    what_if: WhatIfWeights | None, adapters: Sequence[str], show: str, with_shown: bool
) -> tuple[bool, bool]:
    """What is answered besides the methods: the painted weights, and the ones that are shown.

    Args:
        what_if: The what-if weights, if there are any.
        adapters: Those of the run.
        show: What the grid shows.
        with_shown: Whether the weights that are shown are to be heard.
    """
    painted = what_if is not None and what_if.touched and what_if.adapters == tuple(adapters)
    return painted, with_shown and not (painted and show == "what-if")


def painted_row(what_if: WhatIfWeights) -> tuple[Row, Heading]:
    """The painted weights, to answer with."""
    heading = Heading(NAME, LABEL, "The weights that were painted.")
    return _row(NAME, what_if.adapters, what_if.weights), heading


def shown_row(snapshot: Snapshot) -> tuple[Row, Heading]:
    """The weights that are shown, to answer with."""
    heading = Heading(
        SHOWN, SHOWN_LABEL, f"The weights of the grid. {snapshot.view_settings.described()}"
    )
    return _row(SHOWN, snapshot.adapters, snapshot.weights), heading


def _row(name: str, adapters: tuple[str, ...], weights: Numbers) -> Row:
    import torch

    from analysis.inference.mixing.policies import ConstantWeights
    from analysis.inference.mixing.rows import Row

    return Row(name, ConstantWeights(adapters, torch.tensor(weights, dtype=torch.float64)))
