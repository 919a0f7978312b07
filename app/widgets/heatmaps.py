"""Results as heatmaps for Plotly: pure functions from numbers to plain dictionaries.

All text passes `text.safe`. Names stand in tick texts and custom data, never in templates, which
Plotly reads as a language of their own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.widgets.text import safe, short
from app.widgets.theme import SCALES, Scale, colour, ink

Numbers = Sequence[Sequence[float]]
Figure = dict[str, Any]


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
) -> Figure:
    """The heatmap: layers down, adapters across.

    Args:
        values: `[layers][adapters]`.
        labels: The adapters' labels.
        hover: The text of each cell on hover.
        cells: The text on each cell.
        scale: `weights` (0 to 1), `painted` (0 to 2), `divergence` (logarithmic) or `difference`
            (around 0).
        first: Number of the first layer.
        averages: A second line under each label.
        greyed: Layers to draw in grey, because their numbers mean little.
        greyed_cells: Layers and adapters of single cells to draw in grey.
    """
    count, width = len(values), len(labels)
    heights = 26 if count <= 20 else 20 if count <= 40 else 14
    shown, low, high = scaled(values, scale)
    if scale == "difference":
        # Grey layers may differ by mere noise, so only the other layers set the scale.
        low, high = scaled(
            [row for at, row in enumerate(values, first) if at not in greyed], scale
        )[1:]
    heads = [
        f"<b>{safe(short(label, 16))}</b>" + (f"<br>{safe(average)}" if average else "")
        for label, average in zip(labels, averages or [""] * width, strict=True)
    ]
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
        traces.append(heatmap("grey difference" if scale == "difference" else "grey", grey))
    if heights >= 20:
        drawn = [(trace["z"], trace["meta"]["colours"]) for trace in traces]
        traces.append(_cell_texts(cells, first, drawn, low, high))
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
    }
    return {"data": traces, "layout": layout}


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
        "textfont": {"size": 12, "color": inks["light"]},
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {"inks": inks, "columns": len(cells[0]) if cells else 0},
    }


def safe_lines(text: str) -> str:
    """Text of several lines, escaped line by line."""
    return "<br>".join(safe(line) for line in text.split("\n"))


def scaled(values: Numbers, scale: str) -> tuple[list[list[float | None]], float, float]:
    """The numbers as they are coloured, and the ends of the scale."""
    flat = [value for row in values for value in row]
    if scale in ("weights", "painted"):
        return [list(row) for row in values], 0.0, 2.0 if scale == "painted" else 1.0
    if scale == "difference":
        most = max((abs(value) for value in flat), default=0.0) or 1.0
        return [list(row) for row in values], -most, most
    logs = [math.log10(value) for value in flat if value > 0]
    high = max(logs, default=0.0)
    # A millionth of the largest value, or less, has the lowest colour.
    low = max(min(logs, default=-1.0), high - 6)
    low = min(low, high - 1)
    return [[math.log10(value) if value > 0 else low for value in row] for row in values], low, high
