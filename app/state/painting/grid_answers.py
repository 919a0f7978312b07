"""The weights of the grid as rows that answer beside the methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.state.answer import Heading
from app.state.painting.what_if import WhatIfWeights
from app.state.settings.wording import described
from app.state.snapshot import Numbers, Snapshot
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.inference.mixing.rows import Row

PAINTED, PAINTED_LABEL = "what-if", say("What-if weights")
SHOWN, SHOWN_LABEL = "shown", say("Shown weights")


@dataclass(frozen=True)
class GridAnswers:
    """The weights of the grid that answer beside the methods.

    Attributes:
        painted: Whether the painted weights answer.
        shown: Whether the weights that the grid shows answer.
    """

    painted: bool = False
    shown: bool = False

    @classmethod
    def of(
        cls, what_if: WhatIfWeights | None, adapters: Sequence[str], show: str, with_shown: bool
    ) -> GridAnswers:
        """Which weights of the grid answer beside the methods.

        Args:
            what_if: The what-if weights, if there are any.
            adapters: The adapters of the run.
            show: What the grid shows.
            with_shown: Whether the visitor asked for an answer with the weights that are shown.
        """
        painted = what_if is not None and what_if.touched and what_if.adapters == tuple(adapters)
        return cls(painted, with_shown and not (painted and show == "what-if"))

    @property
    def labels(self) -> list[str]:
        """The labels of their answers."""
        return [PAINTED_LABEL] * self.painted + [SHOWN_LABEL] * self.shown


def painted_row(what_if: WhatIfWeights) -> tuple[Row, Heading]:
    """The row of the painted weights, and the heading of its answer."""
    heading = Heading(PAINTED, PAINTED_LABEL, say("The weights that you painted."))
    return _row(PAINTED, what_if.adapters, what_if.weights), heading


def shown_row(snapshot: Snapshot) -> tuple[Row, Heading]:
    """The row of the weights that are shown, and the heading of its answer."""
    heading = Heading(
        SHOWN,
        SHOWN_LABEL,
        joined(" ", (say("The weights of the grid."), described(snapshot.view_settings))),
    )
    return _row(SHOWN, snapshot.adapters, snapshot.weights), heading


def _row(name: str, adapters: tuple[str, ...], weights: Numbers) -> Row:
    import torch

    from analysis.inference.mixing.policies import ConstantWeights
    from analysis.inference.mixing.rows import Row

    return Row(name, ConstantWeights(adapters, torch.tensor(weights, dtype=torch.float64)))
