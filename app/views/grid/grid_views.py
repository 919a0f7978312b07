"""Grid views: the numbers of a snapshot that the grid shows, and their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.state.settings.view_settings import ViewSettings
from app.state.settings.wording import differences
from app.state.snapshot import Numbers, Snapshot, WeightDifference, difference
from app.widgets import summaries, text
from app.widgets.words.said import joined, say

WEIGHTS_TITLE = say("How much each adapter changes the model, layer by layer")

_CAVEAT = say("A large share means that an adapter changes the model much, not that it knows more.")
_CERTAIN = say("the model is certain: shares mean nothing")

CellLines = Callable[[int, int], list[str]]
"""From a layer and an adapter's index to lines about its cell."""


@dataclass(frozen=True)
class GridView:
    """One way to show the visible layers of a snapshot.

    Attributes:
        snapshot: The snapshot.
        title: Above the grid.
        measure: Name of the numbers.
        sentence: The numbers in words.
        places: The adapter of each column, as its index in the snapshot.
        values: `[layers][columns]`.
        written: From a number to the text on its cell.
        hover: A cell's text on hover, its own number first.
        steps: The steps from the run's weight to the cell's number, if they differ.
        scale: The colour scale.
        averages: A second line under each label.
        greyed: Layers to hatch, because their numbers mean little.
        hatched: What the legend says about them.
        note: What is said below the grid.
        caveat: What the numbers do not mean.
    """

    snapshot: Snapshot
    title: str
    measure: str
    sentence: str
    places: Sequence[int]
    values: Numbers
    written: Callable[[float], str]
    hover: CellLines
    steps: CellLines = lambda layer, place: []
    scale: str = "weights"
    averages: Sequence[str] = ()
    greyed: Sequence[int] = ()
    hatched: str = _CERTAIN
    note: str = ""
    caveat: str = ""

    @property
    def labels(self) -> list[str]:
        """The columns' labels."""
        return [self.snapshot.labels[place] for place in self.places]

    @property
    def cells(self) -> list[list[str]]:
        """The text on the cells, `[layers][columns]`."""
        return [[self.written(value) for value in row] for row in self.values]


def grid_view(
    snapshot: Snapshot, pinned: Snapshot | None = None, painted: Numbers | None = None
) -> GridView:
    """The grid view of a snapshot under its view settings.

    Args:
        snapshot: The snapshot.
        pinned: The snapshot to compare with.
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


def in_visible_layers(snapshot: Snapshot, values: Numbers) -> Numbers:
    """The rows of the visible layers, from numbers of all layers."""
    return values[snapshot.visible_layers.start : snapshot.visible_layers.stop]


def leaders(snapshot: Snapshot, *, with_means: bool = True) -> str:
    """The leading adapters in words, and their mean weights, without saturated layers."""
    clear = _clear(snapshot)
    weights = [snapshot.weights[layer] for layer in clear]
    return summaries.leaders(weights, snapshot.labels, clear, with_means=with_means)


def _weights(snapshot: Snapshot) -> GridView:
    greyed, note = _greyed(snapshot)
    clear = [snapshot.weights[layer] for layer in _clear(snapshot)]
    means = summaries.averages(clear)
    if clear and snapshot.width > 1:
        means_said = summaries.mean_weights(clear, snapshot.labels)
        note = joined(" ", [one for one in (means_said, note) if one])
    return GridView(
        snapshot,
        title=WEIGHTS_TITLE,
        measure=say("weight"),
        sentence=leaders(snapshot, with_means=False),
        places=range(snapshot.width),
        values=in_visible_layers(snapshot, snapshot.weights),
        written=text.fixed,
        hover=lambda layer, place: [
            _weight(snapshot, layer, place),
            _moved(snapshot, layer, place),
        ],
        averages=[say("mean {share}", share=text.percent(mean)) for mean in means],
        greyed=greyed,
        note=note,
        caveat=_CAVEAT,
    )


def _divergence(snapshot: Snapshot) -> GridView:
    values, view_settings = in_visible_layers(snapshot, snapshot.divergence), snapshot.view_settings
    movers = summaries.movers(values, snapshot.labels, view_settings.unit, snapshot.visible_layers)
    return GridView(
        snapshot,
        title=_title(view_settings),
        measure=view_settings.measure,
        sentence=joined(" ", (movers, say("The colours are on a logarithmic scale."))),
        places=range(snapshot.width),
        values=values,
        written=text.number,
        hover=lambda layer, place: [
            _moved(snapshot, layer, place),
            _weight(snapshot, layer, place),
        ],
        scale="divergence",
        caveat=say(
            "A large number means that an adapter changes the model much, not that it knows more."
        ),
    )


def _painted(snapshot: Snapshot, painted: Numbers) -> GridView:
    def steps(layer: int, place: int) -> list[str]:
        weight = painted[layer][place]
        same = weight == snapshot.weights[layer][place]
        return [] if same else [say("painted weight: {weight}", weight=text.fixed(weight))]

    def hover(layer: int, place: int) -> list[str]:
        weight = text.fixed(painted[layer][place])
        own = [say("painted {weight}", weight=weight)] if steps(layer, place) else []
        return [*own, _weight(snapshot, layer, place), _moved(snapshot, layer, place)]

    return GridView(
        snapshot,
        title=say("What-if weights by layer"),
        measure=say("painted weight"),
        sentence=say(
            "Click or drag to paint, or select a cell with the arrow keys and press Enter; Ctrl+Z "
            "takes a stroke back. Then press “Answer with these weights”."
        ),
        places=range(snapshot.width),
        values=in_visible_layers(snapshot, painted),
        written=text.fixed,
        hover=hover,
        steps=steps,
        scale="painted",
    )


def _changed(snapshot: Snapshot, pinned: Snapshot) -> GridView:
    changed = difference(pinned, snapshot)
    places = changed.places if changed else ()
    greyed, note = _greyed(snapshot, pinned) if changed else ([], "")

    def old(layer: int, place: int) -> float:
        return pinned.weights[layer][pinned.adapters.index(snapshot.adapters[place])]

    def steps(layer: int, place: int) -> list[str]:
        if place not in places:
            label = snapshot.labels[place]
            return [
                say("The pinned run does not have {adapter}: nothing to compare.", adapter=label)
            ]
        # With rounded numbers, so that a reader who repeats the sum gets the same result.
        new, before = round(snapshot.weights[layer][place], 3), round(old(layer, place), 3)
        return [
            say("pinned: {weight}", weight=text.fixed(before, 3)),
            joined(" − ", (text.fixed(new, 3), text.fixed(before, 3)))
            + joined(" = ", ("", text.signed(new - before, 3))),
        ]

    def hover(layer: int, place: int) -> list[str]:
        new, before = snapshot.weights[layer][place], old(layer, place)
        return [
            say("change {change}", change=text.signed(new - before, 4)),
            say("weight {new}, pinned {old}", new=text.fixed(new, 4), old=text.fixed(before, 4)),
        ]

    return GridView(
        snapshot,
        title=say("Change from the pinned run by layer"),
        measure=say("change of weight"),
        sentence=_compared(snapshot, pinned, changed),
        places=places,
        values=in_visible_layers(snapshot, changed.values) if changed else (),
        written=text.signed,
        hover=hover,
        steps=steps,
        scale="difference",
        greyed=greyed,
        note=note,
    )


def _compared(snapshot: Snapshot, pinned: Snapshot, changed: WeightDifference | None) -> str:
    """The change in words, or why there is none to show."""
    before = f"“{text.short(text.plain(pinned.query), 60)}”"
    if changed is None:
        return say(
            "Nothing to compare: this run and the pinned run {before} share no adapter. Ask with "
            "an adapter of the pinned run, or unpin it.",
            before=before,
        )
    settings = differences(pinned.view_settings, snapshot.view_settings)
    if settings:
        before = say("{before} (read with {settings})", before=before, settings=settings)
    labels = [snapshot.labels[place] for place in changed.places]
    if len(labels) < max(pinned.width, snapshot.width):
        shared = text.listed(labels)
        before = (
            say("{before}, for the shared adapters {adapters}", before=before, adapters=shared)
            if len(labels) > 1
            else say("{before}, for the shared adapter {adapters}", before=before, adapters=shared)
        )
    clear = _clear(snapshot, pinned)
    return summaries.changes([changed.values[layer] for layer in clear], labels, before, clear)


def _clear(*snapshots: Snapshot) -> list[int]:
    """The visible layers of the first snapshot in which the lens of no snapshot saturates."""
    saturated = {layer for snapshot in snapshots for layer in snapshot.saturated}
    return [layer for layer in snapshots[0].visible_layers if layer not in saturated]


def _greyed(*snapshots: Snapshot) -> tuple[list[int], str]:
    """The layers to draw in grey, and why."""
    clear = _clear(*snapshots)
    greyed = [layer for layer in snapshots[0].visible_layers if layer not in clear]
    lenses = [
        snapshot.view_settings.lens
        for snapshot in snapshots
        if set(greyed).intersection(snapshot.saturated)
    ]
    return greyed, summaries.saturation(greyed, lenses)


def _weight(snapshot: Snapshot, layer: int, place: int) -> str:
    return say("weight {weight}", weight=text.fixed(snapshot.weights[layer][place], 4))


def _title(view_settings: ViewSettings) -> str:
    if view_settings.relative:
        return say(
            "{signal} over each adapter's usual, by layer", signal=say(view_settings.signal_label)
        )
    if view_settings.plain:
        return say("Divergence from the base by layer")
    return say("{signal} by layer", signal=say(view_settings.signal_label))


def _moved(snapshot: Snapshot, layer: int, place: int) -> str:
    view_settings, value = snapshot.view_settings, snapshot.divergence[layer][place]
    if not snapshot.usual:
        return joined(" ", (view_settings.signal_name, text.number(value) + view_settings.unit))
    usual, unit = snapshot.usual[layer][place], view_settings.signal_unit
    return say(
        "{signal} {value} × its usual {usual}",
        signal=view_settings.signal_name,
        value=text.number(value),
        usual=text.number(usual) + unit,
    )
