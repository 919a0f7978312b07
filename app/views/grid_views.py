"""What the grid shows of a picture: its numbers, what they are, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.state.snapshot import Difference, Numbers, Picture, difference
from app.widgets import text

Say = Callable[[int, int], list[str]]
"""From a layer and an adapter's place to lines about its cell."""


@dataclass(frozen=True)
class Face:
    """One way to show a picture's layers, those that are shown.

    Attributes:
        picture: What is shown.
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

    picture: Picture
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
        return [self.picture.labels[place] for place in self.places]

    @property
    def cells(self) -> list[list[str]]:
        """What stands on the cells."""
        return [[self.written(value) for value in row] for row in self.values]


def face(picture: Picture, pinned: Picture | None = None, painted: Numbers | None = None) -> Face:
    """A picture as its look says.

    Args:
        picture: What to show.
        pinned: The picture to compare with.
        painted: The what-if weights.
    """
    show = picture.look.show
    if show == "divergence":
        return _divergence(picture)
    if show == "what-if" and painted is not None:
        return _painted(picture, painted)
    if show == "difference" and pinned is not None:
        return _changed(picture, pinned)
    return _weights(picture)


def focused(picture: Picture, values: Numbers) -> Numbers:
    """Of numbers for all layers, those of the layers that are shown."""
    return values[picture.shown.start : picture.shown.stop]


def leaders(picture: Picture) -> str:
    """Says which adapter leads where, of the layers where the lens says something."""
    clear = _clear(picture)
    return text.leaders([picture.weights[layer] for layer in clear], picture.labels, clear)


def _weights(picture: Picture) -> Face:
    veiled, note = _veil(picture)
    means = text.averages([picture.weights[layer] for layer in _clear(picture)])
    return Face(
        picture,
        title="Who speaks where",
        measure="weight",
        sentence=leaders(picture),
        places=range(picture.width),
        values=focused(picture, picture.weights),
        written="{:.2f}".format,
        hover=lambda layer, place: [_weight(picture, layer, place), _moved(picture, layer, place)],
        averages=[f"mean {mean:.0%}" for mean in means],
        veiled=veiled,
        note=note,
    )


def _divergence(picture: Picture) -> Face:
    values, look = focused(picture, picture.divergence), picture.look
    return Face(
        picture,
        title="How far each adapter moves the base",
        measure=look.measure,
        sentence=text.movers(values, picture.labels, look.unit, picture.shown),
        places=range(picture.width),
        values=values,
        written=text.number,
        hover=lambda layer, place: [_moved(picture, layer, place), _weight(picture, layer, place)],
        scale="divergence",
    )


def _painted(picture: Picture, painted: Numbers) -> Face:
    def steps(layer: int, place: int) -> list[str]:
        weight = painted[layer][place]
        return [] if weight == picture.weights[layer][place] else [f"painted over: {weight:.2f}"]

    def hover(layer: int, place: int) -> list[str]:
        own = [f"painted {painted[layer][place]:.2f}"] if steps(layer, place) else []
        return [*own, _weight(picture, layer, place), _moved(picture, layer, place)]

    return Face(
        picture,
        title="What if",
        measure="painted weight",
        sentence="Click a cell to paint it, or select one with the arrow keys and press Enter. "
        "Then hear what these weights answer.",
        places=range(picture.width),
        values=focused(picture, painted),
        written="{:.2f}".format,
        hover=hover,
        steps=steps,
        scale="painted",
    )


def _changed(picture: Picture, pinned: Picture) -> Face:
    changed = difference(pinned, picture)
    places = changed.places if changed else ()
    veiled, note = _veil(picture, pinned) if changed else ([], "")

    def old(layer: int, place: int) -> float:
        return pinned.weights[layer][pinned.adapters.index(picture.adapters[place])]

    def steps(layer: int, place: int) -> list[str]:
        if place not in places:
            return [f"The pinned run has no {picture.labels[place]} to compare with."]
        # Of the rounded numbers, so that whoever does the sum again comes to the same.
        new, before = round(picture.weights[layer][place], 3), round(old(layer, place), 3)
        return [f"pinned: {before:.3f}", f"{new:.3f} − {before:.3f} = {new - before:+.3f}"]

    def hover(layer: int, place: int) -> list[str]:
        new, before = picture.weights[layer][place], old(layer, place)
        return [f"change {new - before:+.4f}", f"weight {new:.4f}, pinned {before:.4f}"]

    return Face(
        picture,
        title="What changed since the pin",
        measure="change of weight",
        sentence=_compared(picture, pinned, changed),
        places=places,
        values=focused(picture, changed.values) if changed else (),
        written="{:+.2f}".format,
        hover=hover,
        steps=steps,
        scale="difference",
        veiled=veiled,
        note=note,
    )


def _compared(picture: Picture, pinned: Picture, changed: Difference | None) -> str:
    """What changed, in words; or why that cannot be said."""
    before = f"“{text.short(text.plain(pinned.query), 60)}”"
    if changed is None:
        return (
            f"Nothing to compare: this run has no adapter in common with the pinned {before}. "
            "Ask with one of its adapters, or let go of the pin."
        )
    unlike = pinned.look.unlike(picture.look)
    if unlike:
        before += f", read with {unlike}"
    labels = [picture.labels[place] for place in changed.places]
    if len(labels) < max(pinned.width, picture.width):
        before += f" (only {text.listed(labels)}, which both have)"
    clear = _clear(picture, pinned)
    return text.changes([changed.values[layer] for layer in clear], labels, before, clear)


def _clear(*pictures: Picture) -> list[int]:
    """The layers that the first shows and where the lens of none saturates."""
    saturated = {layer for one in pictures for layer in one.saturated}
    return [layer for layer in pictures[0].shown if layer not in saturated]


def _veil(*pictures: Picture) -> tuple[list[int], str]:
    """The layers to shade, and why."""
    clear = _clear(*pictures)
    veiled = [layer for layer in pictures[0].shown if layer not in clear]
    lenses = [one.look.lens for one in pictures if set(veiled).intersection(one.saturated)]
    return veiled, text.saturation(veiled, lenses)


def _weight(picture: Picture, layer: int, place: int) -> str:
    return f"weight {picture.weights[layer][place]:.4f}"


def _moved(picture: Picture, layer: int, place: int) -> str:
    return f"divergence {text.number(picture.divergence[layer][place])}{picture.look.unit}"
