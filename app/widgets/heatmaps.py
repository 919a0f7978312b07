"""Results as heatmaps for Plotly: pure functions from numbers to plain dictionaries.

All text passes `text.safe`. Names stand in tick texts and custom data, never in templates, which
Plotly reads as a language of their own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.widgets.colours import HATCH, SCALES, Scale, colour, colour_number, ink
from app.widgets.text import fixed, number, safe, short, signed
from app.widgets.words.said import Said, joined, say

Numbers = Sequence[Sequence[float]]
Figure = dict[str, Any]

_BELOW = -0.005  # what is written as a negative number of two digits


def empty() -> Figure:
    """A figure without content."""
    return {"data": [], "layout": {"height": 0}}


def grid(
    values: Numbers,
    labels: Sequence[str],
    hover: Sequence[Sequence[str]],
    cells: Sequence[Sequence[str]],
    *,
    scale: str,
    first: int = 0,
    averages: Sequence[str] = (),
    greyed: Sequence[int] = (),
    greyed_cells: Sequence[tuple[int, int]] = (),
    places: Sequence[int] = (),
    hatched: str = "",
    unit: str = say("weight"),
) -> Figure:
    """The heatmap: layers down, adapters across.

    Args:
        values: `[layers][adapters]`.
        labels: The adapters' labels.
        hover: The text of each cell on hover.
        cells: The text on each cell.
        scale: `weights` (0 to 1; −1 to 1 where one is below 0), `painted` (0 to 2), `divergence`
            (logarithmic) or `difference` (around 0).
        first: Number of the first layer.
        averages: A second line under each label.
        greyed: Layers to hatch, because their numbers mean little.
        greyed_cells: Layers and adapters of single cells to hatch.
        places: The columns' places in the collection, by which each has its colour; no colours if
            empty.
        hatched: What the legend says about hatched cells.
        unit: What the legend says about the numbers.
    """
    count, width = len(values), len(labels)
    if scale == "weights" and any(value < _BELOW for row in values for value in row):
        scale = "signed weights"
    signed_scale = scale in ("signed weights", "difference")
    heights = 26 if count <= 20 else 20 if count <= 40 else 14
    shown, low, high = scaled(values, scale)
    if scale == "difference":
        # Grey layers may differ by mere noise, so only the other layers set the scale.
        low, high = scaled(
            [row for at, row in enumerate(values, first) if at not in greyed], scale
        )[1:]
    heads = [
        joined("<br>", [one for one in (safe(short(label, 16)), safe(average)) if one])
        for label, average in zip(labels, averages or [""] * width, strict=True)
    ]
    above = 42 if averages else 26  # two lines of headings, or one
    grey = {(layer, place) for layer in greyed for place in range(width)} | set(greyed_cells)

    def heatmap(scale: str, cells: Collection[tuple[int, int]]) -> dict[str, Any]:
        return {
            "type": "heatmap",
            "x": list(range(width)),
            "y": list(range(first, first + count)),
            "z": [
                [value if (layer, place) in cells else None for place, value in enumerate(row)]
                for layer, row in enumerate(shown, first)
            ],
            "zmin": low,
            "zmax": high,
            "customdata": [[safe_lines(text) for text in row] for row in hover],
            "hovertemplate": "%{customdata}<extra></extra>",
            "hoverongaps": False,
            "xgap": 2,
            "ygap": 2,
            "showscale": False,
            "colorscale": SCALES[scale]["light"],
            "meta": {"colours": SCALES[scale]},
        }

    every = {(layer, place) for layer in range(first, first + count) for place in range(width)}
    traces = [heatmap(scale, every - grey)]
    if grey:
        traces.append(heatmap("grey difference" if signed_scale else "grey", grey))
        traces.append(_hatch(grey))
    if heights >= 20:
        drawn = [
            (trace["z"], trace["meta"]["colours"]) for trace in traces if trace["type"] == "heatmap"
        ]
        traces.append(_cell_texts(cells, first, drawn, low, high))
    layout = {
        "meta": {
            "narrow": [safe(short(label, 11)) for label in labels],
            "dots": [colour_number(place) for place in places],
            "row": heights,
            "rows": count,
            "legend": _legend(scale, low, high, unit) | {"hatched": hatched if grey else ""},
        },
        "height": above + 4 + heights * count,
        "margin": {"l": 44, "r": 2, "t": above, "b": 4},
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
            "title": {"text": say("layer"), "standoff": 6},
            "range": [first + count - 0.5, first - 0.5],
            "tickvals": list(range(first, first + count)),
            "ticks": "",
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
        },
        "font": {"size": 14},
    }
    return {"data": traces, "layout": layout}


def _hatch(cells: Collection[tuple[int, int]]) -> dict[str, Any]:
    """Slanted lines across some cells, below their texts: no colour fades and no text does."""
    steps = 6
    across: list[float | None] = []
    down: list[float | None] = []
    for layer, place in sorted(cells):
        for step in range(steps):
            left = place - 0.48 + 0.96 * step / steps
            across += [left, left + 0.96 / steps, None]
            down += [layer + 0.42, layer - 0.42, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": across,
        "y": down,
        "line": {"width": 1, "color": HATCH["light"]},
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {"colours": HATCH},
    }


def _legend(scale: str, low: float, high: float, unit: str) -> dict[str, Any]:
    """The legend of a scale: its colours, the numbers at its ends and middle, their name."""
    if scale == "divergence":
        marks = [number(10.0**end) for end in (low, (low + high) / 2, high)]
    elif scale == "difference":
        marks = [signed(low), "0", signed(high)]
    elif scale == "signed weights":
        marks = ["−1", "0", "1"]
    else:
        marks = ["0", "1", "2"] if scale == "painted" else ["0", fixed(0.5, 1), "1"]
    return {"colours": SCALES[scale], "marks": marks, "unit": unit}


def _cell_texts(
    cells: Sequence[Sequence[str]],
    first: int,
    drawn: Sequence[tuple[list[list[float | None]], Mapping[str, Scale]]],
    low: float,
    high: float,
) -> dict[str, Any]:
    """The texts on the cells, each in the ink that is easiest to read on its cell's colour.

    Plotly's own texts on heatmaps are hard to read on colours of medium lightness.
    """
    inks: dict[str, list[str]] = {"light": [], "dark": []}
    for row, texts in enumerate(cells):
        for column in range(len(texts)):
            value, scale = next(
                (values[row][column], scale)
                for values, scale in drawn
                if values[row][column] is not None
            )
            assert value is not None
            for mode, written in inks.items():
                written.append(ink(colour(scale[mode], (value - low) / (high - low))))
    return {
        "type": "scatter",
        "mode": "text",
        "x": [column for texts in cells for column in range(len(texts))],
        "y": [layer for layer, texts in enumerate(cells, first) for _ in texts],
        "text": [safe(written) for texts in cells for written in texts],
        "textfont": {"size": 14, "color": inks["light"]},
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {"inks": inks, "columns": len(cells[0]) if cells else 0},
    }


def safe_lines(text: str) -> str:
    """Text of several lines, escaped line by line."""
    if isinstance(text, Said):
        return text.mapped(safe_lines)
    return "<br>".join(safe(line) for line in text.split("\n"))


def scaled(values: Numbers, scale: str) -> tuple[list[list[float | None]], float, float]:
    """The numbers as they are coloured, and the ends of the scale."""
    flat = [value for row in values for value in row]
    if scale in ("weights", "painted"):
        return [list(row) for row in values], 0.0, 2.0 if scale == "painted" else 1.0
    if scale == "signed weights":
        return [list(row) for row in values], -1.0, 1.0
    if scale == "difference":
        most = max((abs(value) for value in flat), default=0.0) or 1.0
        return [list(row) for row in values], -most, most
    logs = [math.log10(value) for value in flat if value > 0]
    high = max(logs, default=0.0)
    # A millionth of the largest value, or less, has the lowest colour.
    low = max(min(logs, default=-1.0), high - 6)
    low = min(low, high - 1)
    return [[math.log10(value) if value > 0 else low for value in row] for row in values], low, high
