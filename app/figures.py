"""Results as Plotly figures: pure functions from numbers to plain dictionaries.

All text passes `text.safe`. Names stand in tick texts and custom data, never in templates, which
Plotly reads as a language of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from app.text import number, safe, short
from app.theme import LINES, SCALES

Numbers = Sequence[Sequence[float]]
Figure = dict[str, Any]


def grid(
    values: Numbers,
    labels: Sequence[str],
    hover: Sequence[Sequence[str]],
    cells: Sequence[Sequence[str]],
    *,
    scale: str,
    first: int = 0,
    averages: Sequence[str] = (),
    veiled: Sequence[int] = (),
    veiled_cells: Sequence[tuple[int, int]] = (),
) -> Figure:
    """The heatmap: layers down, adapters across.

    Args:
        values: `[layers][adapters]`.
        labels: The adapters' labels.
        hover: What each cell says on hover.
        cells: What stands on each cell.
        scale: `weights` (0 to 1), `divergence` (logarithmic) or `difference` (around 0).
        first: Number of the first layer.
        averages: A second line under each label.
        veiled: Layers to shade, since their numbers say little.
        veiled_cells: Layers and adapters of single cells to shade.
    """
    count, width = len(values), len(labels)
    heights = 26 if count <= 20 else 20 if count <= 40 else 14
    shown, low, high = _range(values, scale)
    heads = [
        f"<b>{safe(short(label, 16))}</b>" + (f"<br>{safe(average)}" if average else "")
        for label, average in zip(labels, averages or [""] * width, strict=True)
    ]
    trace = {
        "type": "heatmap",
        "x": list(range(width)),
        "y": list(range(first, first + count)),
        "z": shown,
        "zmin": low,
        "zmax": high,
        "text": cells if heights >= 20 else None,
        "texttemplate": "%{text}" if heights >= 20 else None,
        "textfont": {"size": 12},
        "customdata": [[safe_lines(text) for text in row] for row in hover],
        "hovertemplate": "%{customdata}<extra></extra>",
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
        "colorscale": SCALES[scale]["light"],
        "meta": {"colours": SCALES[scale]},
    }
    layout = {
        "meta": {"narrow": [safe(short(label, 11)) for label in labels]},
        "height": 64 + heights * count,
        "margin": {"l": 44, "r": 2, "t": 54, "b": 10},
        "xaxis": {
            "side": "top",
            "tickvals": list(range(width)),
            "ticktext": heads,
            "tickangle": 0,
            "ticks": "",
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
            "range": [-0.5, width - 0.5],
        },
        "yaxis": {
            "title": {"text": "layer", "standoff": 6},
            "range": [first + count - 0.5, first - 0.5],
            "tickvals": list(range(first, first + count)),
            "ticks": "",
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
        },
        "font": {"size": 12},
        "shapes": [
            *(_veil(layer, -0.5, width - 0.5) for layer in veiled),
            *(_veil(layer, place - 0.5, place + 0.5) for layer, place in veiled_cells),
        ],
    }
    return {"data": [trace], "layout": layout}


def tokens(values: Numbers, texts: Sequence[str], label: str, first: int = 0) -> Figure:
    """One adapter's divergence at every token: layers down, tokens across.

    Args:
        values: `[layers][tokens]`.
        texts: The tokens, their white space visible.
        label: The adapter's label.
        first: Number of the first layer.
    """
    shown, low, high = _range(values, "divergence")
    count, width = len(values), len(texts)
    hover = [
        [
            safe_lines(f"layer {layer} · {label} at “{text}”\n{number(value)}")
            for text, value in zip(texts, row, strict=True)
        ]
        for layer, row in enumerate(values, start=first)
    ]
    trace = {
        "type": "heatmap",
        "x": list(range(width)),
        "y": list(range(first, first + count)),
        "z": shown,
        "zmin": low,
        "zmax": high,
        "customdata": hover,
        "hovertemplate": "%{customdata}<extra></extra>",
        "xgap": 1,
        "ygap": 1,
        "showscale": False,
        "colorscale": SCALES["divergence"]["light"],
        "meta": {"colours": SCALES["divergence"]},
    }
    axis = {"fixedrange": True, "showgrid": False, "zeroline": False, "ticks": ""}
    layout = {
        "height": 110 + 13 * count,
        "margin": {"l": 44, "r": 2, "t": 8, "b": 96},
        "font": {"size": 12},
        "xaxis": {
            **axis,
            "tickvals": list(range(width)),
            "ticktext": [safe(short(text, 14)) for text in texts],
            "tickangle": -60,
        },
        "yaxis": {
            **axis,
            "title": {"text": "layer", "standoff": 6},
            "range": [first + count - 0.5, first - 0.5],
            **({"dtick": 1} if count < 8 else {}),
        },
    }
    return {"data": [trace], "layout": layout}


def profile(values: Numbers, labels: Sequence[str], *, log: bool, first: int = 0) -> Figure:
    """Lines over the layers, one for each adapter.

    Args:
        values: `[layers][adapters]`.
        labels: The adapters' labels.
        log: Count upwards in powers of ten.
        first: Number of the first layer.
    """
    count = len(values)
    traces = []
    for place, label in enumerate(labels):
        colours = {mode: LINES[mode][place % len(LINES[mode])] for mode in LINES}
        column = [row[place] for row in values]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": safe(short(label, 18)),
                "x": list(range(first, first + count)),
                # A logarithm has no place for 0: the line has a gap there.
                "y": [value if value > 0 else None for value in column] if log else column,
                "line": {
                    "width": 2,
                    "color": colours["light"],
                    "dash": "solid" if place < len(LINES["light"]) else "dot",
                },
                "marker": {"size": 5, "color": colours["light"]},
                "customdata": [
                    safe_lines(f"layer {layer} · {label}\n{number(value)}")
                    for layer, value in enumerate(column, start=first)
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
                "meta": {"colours": colours},
            }
        )
    y_axis: dict[str, Any] = {"fixedrange": True, "zeroline": False, "ticks": "", "nticks": 5}
    y_axis |= {"type": "log", "exponentformat": "power"} if log else {"rangemode": "tozero"}
    layout = {
        "height": 240,
        "margin": {"l": 44, "r": 2, "t": 34, "b": 34},
        "font": {"size": 12},
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "xaxis": {
            "title": {"text": "layer", "standoff": 4},
            # Layers are whole numbers: few of them would otherwise get ticks in between.
            **({"dtick": 1} if count <= 20 else {"nticks": 20}),
            "range": [first - 0.3, first + count - 0.7],
            "fixedrange": True,
            "zeroline": False,
            "showgrid": False,
            "ticks": "",
        },
        "yaxis": y_axis,
    }
    return {"data": traces, "layout": layout}


def safe_lines(text: str) -> str:
    """Text of several lines, escaped line by line."""
    return "<br>".join(safe(line) for line in text.split("\n"))


def _veil(layer: int, left: float, right: float) -> dict[str, Any]:
    return {
        "name": "veil",
        "type": "rect",
        "layer": "above",
        "x0": left,
        "x1": right,
        "y0": layer - 0.5,
        "y1": layer + 0.5,
        "line": {"width": 0},
        "fillcolor": "rgba(255,255,255,0.6)",
    }


def _range(values: Numbers, scale: str) -> tuple[list[list[float | None]], float, float]:
    """The numbers as they are coloured, and the ends of the scale."""
    flat = [value for row in values for value in row]
    if scale == "weights":
        return [list(row) for row in values], 0.0, 1.0
    if scale == "difference":
        most = max((abs(value) for value in flat), default=0.0) or 1.0
        return [list(row) for row in values], -most, most
    logs = [math.log10(value) for value in flat if value > 0]
    high = max(logs, default=0.0)
    # What is a millionth of the largest or less looks like nothing.
    low = max(min(logs, default=-1.0), high - 6)
    low = min(low, high - 1)
    return [[math.log10(value) if value > 0 else low for value in row] for row in values], low, high
