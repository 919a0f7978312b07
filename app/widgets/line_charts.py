"""Results as line charts for Plotly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from app.widgets.colours import LINES
from app.widgets.heatmaps import Figure, Numbers, safe_lines, scaled
from app.widgets.text import digits, number, power, safe, short
from app.widgets.words.said import joined, say


def profile(
    values: Numbers,
    labels: Sequence[str],
    *,
    measure: str,
    log: bool,
    first: int = 0,
    places: Sequence[int] = (),
    greyed: Sequence[int] = (),
) -> Figure:
    """Lines over the layers, one for each adapter.

    Args:
        values: `[layers][adapters]`.
        labels: The adapters' labels.
        measure: Name of the numbers.
        log: Whether the axis is logarithmic.
        first: Number of the first layer.
        places: The number of each line's colour, so that an adapter always has the same colour.
        greyed: Layers to shade, because their numbers mean little.
    """
    count = len(values)
    traces = []
    for column, (label, place) in enumerate(zip(labels, places or range(len(labels)), strict=True)):
        colours = {mode: LINES[mode][place % len(LINES[mode])] for mode in LINES}
        line = [row[column] for row in values]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": safe(short(label, 18)),
                "x": list(range(first, first + count)),
                # The line has a gap at 0, which a logarithmic axis cannot show.
                "y": [value if value > 0 else None for value in line] if log else line,
                "line": {
                    "width": 2,
                    "color": colours["light"],
                    "dash": "solid" if place < len(LINES["light"]) else "dot",
                },
                "marker": {"size": 5, "color": colours["light"]},
                "customdata": [
                    safe_lines(
                        say("layer {layer} · {adapter}", layer=layer, adapter=label)
                        + joined("\n", ("", number(value)))
                    )
                    for layer, value in enumerate(line, start=first)
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
                "meta": {"colours": colours},
            }
        )
    y_axis: dict[str, Any] = {"fixedrange": True, "ticks": "", "nticks": 5}
    # The numbers beside the axis differ in width: the title stands left of all of them.
    y_axis |= {"title": {"text": measure, "standoff": 8}, "automargin": True}
    y_axis["zeroline"] = any(value < 0 for row in values for value in row)
    if log:
        # The same range as the grid's colours.
        _, low, high = scaled(values, "divergence")
        ends = [low - 0.2, high + 0.2]
        ticks = _log_ticks(low, high)
        y_axis |= {
            "type": "log",
            "range": ends,
            "tickvals": ticks,
            "ticktext": [_tick(value) for value in ticks],
        }
    else:
        y_axis["rangemode"] = "tozero"
    layout = {
        "height": 240,
        "margin": {"l": 58, "r": 2, "t": 44, "b": 40},
        "font": {"size": 14},
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "xaxis": {
            "title": {"text": say("layer"), "standoff": 4},
            # Layers are whole numbers: few of them would otherwise get ticks in between.
            **({"dtick": 1} if count <= 10 else {"nticks": 10}),
            "range": [first - 0.3, first + count - 0.7],
            "fixedrange": True,
            "zeroline": False,
            "showgrid": False,
            "ticks": "",
        },
        "yaxis": y_axis,
        "shapes": [
            {**_shade((layer - 0.5, layer + 0.5), (0, 1)), "yref": "paper"} for layer in greyed
        ],
    }
    return {"data": traces, "layout": layout}


def _log_ticks(low: float, high: float) -> list[float]:
    """At most six ticks of a logarithmic axis: powers of ten, with 2 and 5 where there are few.

    Args:
        low: The power of ten at the lower end.
        high: That at the upper end.
    """
    first, last = math.floor(low), math.ceil(high)
    steps = (1, 2, 5) if high - low < 1.7 else (1,)
    every = max(1, math.ceil((last - first) / 5))
    ticks = [step * 10.0**power for power in range(first, last + 1, every) for step in steps]
    return [tick for tick in ticks if low - 0.2 <= math.log10(tick) <= high + 0.2]


def _tick(value: float) -> str:
    """The text of a tick at a power of ten, or at 2 or 5 times a power of ten."""
    if 1e-3 <= value < 1e4:
        return digits(value, 6)
    exponent = math.floor(math.log10(value) + 1e-9)
    step = round(value / 10.0**exponent)
    return power(exponent) if step == 1 else f"{step}·{power(exponent)}"


def _shade(across: tuple[float, float], down: tuple[float, float]) -> dict[str, Any]:
    """A rectangle behind the lines, which keep their colours."""
    (left, right), (top, bottom) = across, down
    return {
        "name": "shade",
        "type": "rect",
        "layer": "below",
        "x0": left,
        "x1": right,
        "y0": top,
        "y1": bottom,
        "line": {"width": 0},
        "fillcolor": "rgba(128,128,128,0.16)",
    }
