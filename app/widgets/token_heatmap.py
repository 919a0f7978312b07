"""Divergences at every token as a heatmap for Plotly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from app.widgets.colours import SCALES
from app.widgets.heatmaps import Figure, Numbers, safe_lines, scaled
from app.widgets.text import digits, power, safe, short


def tokens(
    values: Numbers,
    texts: Sequence[str],
    names: Sequence[str],
    hover: Sequence[Sequence[str]],
    *,
    axis: str,
    measure: str,
) -> Figure:
    """Divergences at every token: layers or adapters down, tokens across.

    Args:
        values: `[rows][tokens]`.
        texts: The tokens, their white space visible.
        names: The rows' names.
        hover: The text of each cell on hover.
        axis: Title of the rows' axis; empty where their names are enough.
        measure: Name of the numbers.
    """
    shown, low, high = scaled(values, "divergence")
    count, width = len(values), len(texts)
    trace = {
        "type": "heatmap",
        "x": list(range(width)),
        "y": list(range(count)),
        "z": shown,
        "zmin": low,
        "zmax": high,
        "customdata": [[safe_lines(text) for text in row] for row in hover],
        "hovertemplate": "%{customdata}<extra></extra>",
        "xgap": 1,
        "ygap": 1,
        "colorscale": SCALES["divergence"]["light"],
        "colorbar": _legend(low, high, measure),
        "meta": {"colours": SCALES["divergence"]},
    }
    fixed = {"fixedrange": True, "showgrid": False, "zeroline": False, "ticks": ""}
    every_token = math.ceil(count / 20)
    layout = {
        "height": 158 + (13 if count > 8 else 24) * count,
        "margin": {"l": 44, "r": 2, "t": 50, "b": 96},
        "font": {"size": 14},
        "xaxis": {
            **fixed,
            "tickvals": list(range(width)),
            "ticktext": [safe(short(text, 14)) for text in texts],
            "tickangle": -60,
        },
        "yaxis": {
            **fixed,
            "automargin": True,
            "title": {"text": axis, "standoff": 6},
            "range": [count - 0.5, -0.5],
            "tickvals": list(range(0, count, every_token)),
            "ticktext": [safe(short(name, 14)) for name in names[::every_token]],
        },
    }
    return {"data": [trace], "layout": layout}


def _legend(low: float, high: float, measure: str) -> dict[str, Any]:
    """A bar above the figure: the colour of each power of ten."""
    least, most = math.ceil(low), math.floor(high)
    ticks = range(least, most + 1, 1 + (most - least) // 5)
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 1.0,
        "yanchor": "bottom",
        "thickness": 8,
        "len": 0.6,
        "outlinewidth": 0,
        "ypad": 6,
        "xpad": 0,
        "title": {"text": measure, "side": "top", "font": {"size": 14}},
        "tickvals": list(ticks),
        "ticktext": [power(tick) if abs(tick) > 1 else digits(10.0**tick, 6) for tick in ticks],
    }
