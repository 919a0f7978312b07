"""Presets of what-if weights: questions that many people ask, painted with one click."""

from __future__ import annotations

from dataclasses import dataclass

from app.state.painting.what_if import Cells
from app.state.snapshot import Snapshot
from app.widgets.words.said import say


@dataclass(frozen=True)
class Preset:
    """Weights to paint at once.

    Attributes:
        label: The text of its button.
        cells: The cells that it paints.
    """

    label: str
    cells: Cells


def presets(snapshot: Snapshot) -> tuple[Preset, ...]:
    """The presets for a run: of the adapters that change the model most, and of its middle."""
    last = snapshot.layers - 1
    every = tuple((name, 0, last, round(1 / snapshot.width, 4)) for name in snapshot.adapters)
    made = [Preset(say("All adapters alike, 1/{count} each", count=snapshot.width), every)]
    if snapshot.width < 2 or snapshot.layers < 2:
        return tuple(made)
    clear = [layer for layer in range(last + 1) if layer not in snapshot.saturated] or [0]
    means = [
        sum(snapshot.weights[layer][place] for layer in clear) for place in range(snapshot.width)
    ]
    first, second = sorted(range(snapshot.width), key=lambda place: -means[place])[:2]
    middle = last // 2
    leader, other = snapshot.labels[first], snapshot.labels[second]

    def alone(place: int, start: int, end: int) -> Cells:
        return tuple(
            (name, start, end, float(at == place)) for at, name in enumerate(snapshot.adapters)
        )

    upper, lower = alone(first, 0, middle - 1), alone(second, middle, last)
    made.append(
        Preset(
            say("{adapter} alone from layer {layer}", adapter=leader, layer=middle),
            alone(first, middle, last),
        )
    )
    if middle:
        made.append(
            Preset(
                say(
                    "{adapter} up to layer {layer}, then {other}",
                    adapter=leader,
                    layer=middle - 1,
                    other=other,
                ),
                upper + lower,
            )
        )
    return tuple(made)
