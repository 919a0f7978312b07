"""Differences with their intervals as a forest plot for Plotly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.widgets.colours import LINES
from app.widgets.heatmaps import Figure, safe_lines
from app.widgets.text import safe, short

_ROW = 26


@dataclass(frozen=True)
class ForestRow:
    """One difference.

    Attributes:
        label: Its name.
        value: The difference.
        low: Lower end of its interval; None where it is not known.
        high: Its upper end, or None.
        settled: Whether it is told from 0; its point is filled.
        average: Whether it is an average over other rows; its name is bold.
        hover: Its text on hover.
    """

    label: str
    value: float
    low: float | None
    high: float | None
    settled: bool
    average: bool
    hover: str


def forest(rows: Sequence[ForestRow], *, axis: str) -> Figure:
    """The forest plot: a row for each difference, and a line at 0.

    Args:
        rows: The differences, from top to bottom.
        axis: Title of the axis.
    """
    colours = {mode: LINES[mode][0] for mode in LINES}
    layout: dict[str, Any] = {
        "meta": {"names_above": True, "row": _ROW},
        "height": 62 + _ROW * len(rows),
        "margin": {"l": 10, "r": 14, "t": 6, "b": 46},
        "font": {"size": 14},
        "showlegend": False,
        "xaxis": {
            "title": {"text": axis, "standoff": 8, "font": {"size": 14}},
            "rangemode": "tozero",
            "tickangle": 0,
            "fixedrange": True,
            "ticks": "",
            "zeroline": True,
            "zerolinewidth": 2,
            "nticks": 6,
        },
        "yaxis": {
            "automargin": True,
            "range": [len(rows) - 0.5, -0.5],
            "tickvals": list(range(len(rows))),
            "ticktext": [_name(row) for row in rows],
            "ticklabelstandoff": 8,
            "ticks": "",
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
        },
    }
    traces = [
        _points(rows, settled, symbol, colours)
        for settled, symbol in ((True, "circle"), (False, "circle-open"))
    ]
    return {"data": traces, "layout": layout}


def _name(row: ForestRow) -> str:
    name = safe(short(row.label, 44))
    return f"<b>{name}</b>" if row.average else name


def _points(
    rows: Sequence[ForestRow], settled: bool, symbol: str, colours: dict[str, str]
) -> dict[str, Any]:
    chosen = [(place, row) for place, row in enumerate(rows) if row.settled == settled]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row.value for _, row in chosen],
        "y": [place for place, _ in chosen],
        "marker": {"size": 9, "symbol": symbol, "color": colours["light"]},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [0.0 if row.high is None else row.high - row.value for _, row in chosen],
            "arrayminus": [0.0 if row.low is None else row.value - row.low for _, row in chosen],
            "thickness": 1.5,
            "width": 0,
        },
        "customdata": [safe_lines(row.hover) for _, row in chosen],
        "hovertemplate": "%{customdata}<extra></extra>",
        "meta": {"colours": colours},
    }
