"""The explanation of a cell, as the panel shows it."""

from __future__ import annotations

import pytest

from analysis.measure.cell_explanation import CellExplanation, TokenChange
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot
from app.views.grid.explanation_panel import explanation_panel
from app.views.grid.grid_views import grid_view

TOKEN = TokenChange(7, "seven", 0.2, 0.6, 4, 1, 0.9)


@pytest.mark.parametrize(("divergence", "shown"), [(0.5, 1), (1e-128, 0), (0.0, 0)])
def test_shares_are_shown_only_where_the_adapter_moves_the_base(
    divergence: float, shown: int
) -> None:
    names = ("a", "b")
    snapshot = Snapshot(
        "1", "q", names, names, ((divergence, 0.0),), ((0.5, 0.5),), (0.5,), ViewSettings()
    )
    cell = CellExplanation(0, "a", divergence, (TOKEN,), (TOKEN,), (TOKEN,))
    panel = explanation_panel(grid_view(snapshot), 0, 0, cell)
    assert len(panel.shares) == shown and len(panel.tokens) == 1
