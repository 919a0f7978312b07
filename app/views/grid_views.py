"""What the grid shows of a picture: its numbers, what they are, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.state.numbers import Numbers
from app.state.snapshot import Difference, Snapshot, difference
from app.widgets import text

Say = Callable[[int, int], list[str]]
"""From a layer and an adapter's place to lines about its cell."""


@dataclass(frozen=True)
class GridView:
    """One way to show a picture's layers, those that are shown.

    Attributes:
        snapshot: What is shown.
        title: Above the grid.
        measure: What the numbers are.
        sentence: What they show.
        places: The adapter of each column, as its place in the picture.
        values: `[layers][columns]`.
        written: How a number stands on its cell.
        hover: What a cell says, its own number first.
        steps: How a cell's number comes from the run's weight, where it is another.
        scale: What the numbers are coloured by.
        averages: A second line under each label.
        veiled: Layers whose numbers say little.
        note: Why that is so.
    """

    snapshot: Snapshot
    title: str
    measure: str
    sentence: str
    places: Sequence[int]
    values: Numbers
    written: Callable[[float], str]
    hover: Say
    steps: Say = lambda layer, place: []
    scale: str = "weights"
    averages: Sequence[str] = ()
    veiled: Sequence[int] = ()
    note: str = ""

    @property
    def labels(self) -> list[str]:
        """The columns' labels."""
        return [self.snapshot.labels[place] for place in self.places]

    @property
    def cells(self) -> list[list[str]]:
        """What stands on the cells."""
        return [[self.written(value) for value in row] for row in self.values]


def grid_view(
    snapshot: Snapshot, pinned: Snapshot | None = None, painted: Numbers | None = None
) -> GridView:
    """A picture as its look says.

    Args:
        snapshot: What to show.
        pinned: The picture to compare with.
        painted: The what-if weights.
    """
    show = snapshot.view_settings.show
    if show == "divergence":
        return _divergence(snapshot)
    if show == "what-if" and painted is not None:
        return _painted(snapshot, painted)
    if show == "difference" and pinned is not None:
        return _changed(snapshot, pinned)
    return _weights(snapshot)


def focused(snapshot: Snapshot, values: Numbers) -> Numbers:
    """Of numbers for all layers, those of the layers that are shown."""
    return values[snapshot.shown.start : snapshot.shown.stop]


def leaders(snapshot: Snapshot) -> str:
    """Says which adapter leads where, of the layers where the lens says something."""
    clear = _clear(snapshot)
    return text.leaders([snapshot.weights[layer] for layer in clear], snapshot.labels, clear)


def _weights(snapshot: Snapshot) -> GridView:
    veiled, note = _veil(snapshot)
    means = text.averages([snapshot.weights[layer] for layer in _clear(snapshot)])
    return GridView(
        snapshot,
        title="Who speaks where",
        measure="weight",
        sentence=leaders(snapshot),
        places=range(snapshot.width),
        values=focused(snapshot, snapshot.weights),
        written="{:.2f}".format,
        hover=lambda layer, place: [
            _weight(snapshot, layer, place),
            _moved(snapshot, layer, place),
        ],
        averages=[f"mean {mean:.0%}" for mean in means],
        veiled=veiled,
        note=note,
    )


def _divergence(snapshot: Snapshot) -> GridView:
    values, view_settings = focused(snapshot, snapshot.divergence), snapshot.view_settings
    return GridView(
        snapshot,
        title="How far each adapter moves the base",
        measure=view_settings.measure,
        sentence=text.movers(values, snapshot.labels, view_settings.unit, snapshot.shown),
        places=range(snapshot.width),
        values=values,
        written=text.number,
        hover=lambda layer, place: [
            _moved(snapshot, layer, place),
            _weight(snapshot, layer, place),
        ],
        scale="divergence",
    )


def _painted(snapshot: Snapshot, painted: Numbers) -> GridView:
    def steps(layer: int, place: int) -> list[str]:
        weight = painted[layer][place]
        return [] if weight == snapshot.weights[layer][place] else [f"painted over: {weight:.2f}"]

    def hover(layer: int, place: int) -> list[str]:
        own = [f"painted {painted[layer][place]:.2f}"] if steps(layer, place) else []
        return [*own, _weight(snapshot, layer, place), _moved(snapshot, layer, place)]

    return GridView(
        snapshot,
        title="What if",
        measure="painted weight",
        sentence="Click a cell to paint it, or select one with the arrow keys and press Enter. "
        "Then hear what these weights answer.",
        places=range(snapshot.width),
        values=focused(snapshot, painted),
        written="{:.2f}".format,
        hover=hover,
        steps=steps,
        scale="painted",
    )


def _changed(snapshot: Snapshot, pinned: Snapshot) -> GridView:
    changed = difference(pinned, snapshot)
    places = changed.places if changed else ()
    veiled, note = _veil(snapshot, pinned) if changed else ([], "")

    def old(layer: int, place: int) -> float:
        return pinned.weights[layer][pinned.adapters.index(snapshot.adapters[place])]

    def steps(layer: int, place: int) -> list[str]:
        if place not in places:
            return [f"The pinned run has no {snapshot.labels[place]} to compare with."]
        # Of the rounded numbers, so that whoever does the sum again comes to the same.
        new, before = round(snapshot.weights[layer][place], 3), round(old(layer, place), 3)
        return [f"pinned: {before:.3f}", f"{new:.3f} − {before:.3f} = {new - before:+.3f}"]

    def hover(layer: int, place: int) -> list[str]:
        new, before = snapshot.weights[layer][place], old(layer, place)
        return [f"change {new - before:+.4f}", f"weight {new:.4f}, pinned {before:.4f}"]

    return GridView(
        snapshot,
        title="What changed since the pin",
        measure="change of weight",
        sentence=_compared(snapshot, pinned, changed),
        places=places,
        values=focused(snapshot, changed.values) if changed else (),
        written="{:+.2f}".format,
        hover=hover,
        steps=steps,
        scale="difference",
        veiled=veiled,
        note=note,
    )


def _compared(snapshot: Snapshot, pinned: Snapshot, changed: Difference | None) -> str:
    """What changed, in words; or why that cannot be said."""
    before = f"“{text.short(text.plain(pinned.query), 60)}”"
    if changed is None:
        return (
            f"Nothing to compare: this run has no adapter in common with the pinned {before}. "
            "Ask with one of its adapters, or let go of the pin."
        )
    differences_from = pinned.view_settings.differences_from(snapshot.view_settings)
    if differences_from:
        before += f", read with {differences_from}"
    labels = [snapshot.labels[place] for place in changed.places]
    if len(labels) < max(pinned.width, snapshot.width):
        before += f" (only {text.listed(labels)}, which both have)"
    clear = _clear(snapshot, pinned)
    return text.changes([changed.values[layer] for layer in clear], labels, before, clear)


def _clear(*snapshots: Snapshot) -> list[int]:
    """The layers that the first shows and where the lens of none saturates."""
    saturated = {layer for one in snapshots for layer in one.saturated}
    return [layer for layer in snapshots[0].shown if layer not in saturated]


def _veil(*snapshots: Snapshot) -> tuple[list[int], str]:
    """The layers to shade, and why."""
    clear = _clear(*snapshots)
    veiled = [layer for layer in snapshots[0].shown if layer not in clear]
    lenses = [
        one.view_settings.lens for one in snapshots if set(veiled).intersection(one.saturated)
    ]
    return veiled, text.saturation(veiled, lenses)


def _weight(snapshot: Snapshot, layer: int, place: int) -> str:
    return f"weight {snapshot.weights[layer][place]:.4f}"


def _moved(snapshot: Snapshot, layer: int, place: int) -> str:
    return (
        f"divergence {text.number(snapshot.divergence[layer][place])}{snapshot.view_settings.unit}"
    )
