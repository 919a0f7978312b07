"""What-if weights: painted by hand over a method's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.picture import Numbers, Picture, rows

if TYPE_CHECKING:
    from analysis.rows import Row

SCOPES = {
    "cell": "This cell",
    "layer": "Its whole layer",
    "below": "Its adapter from here down",
    "adapter": "Its adapter in all layers",
}
NAME = "what-if"


@dataclass(frozen=True)
class Painting:
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
    def over(cls, picture: Picture) -> Painting:
        """The weights of a picture, to paint over."""
        return cls(picture.adapters, picture.weights)

    def fits(self, picture: Picture) -> bool:
        """Whether it can stay where another picture is shown."""
        return self.adapters == picture.adapters and len(self.weights) == picture.layers

    def paint(self, layer: int, adapter: int, weight: float, scope: str) -> Painting:
        """With one weight in some cells.

        Args:
            layer: The layer that was meant.
            adapter: The adapter's place.
            weight: What the cells get.
            scope: One of `SCOPES`.
        """

        def meant(row: int, column: int) -> bool:
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
        return Painting(self.adapters, rows(values), touched=True)

    def row(self) -> Row:
        """As a row to answer with."""
        import torch

        from analysis.rows import Row

        return Row(NAME, self.adapters, torch.tensor(self.weights, dtype=torch.float64))
