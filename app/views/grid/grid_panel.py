"""The grid panel: its data, from a grid view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.state.painting.presets import presets
from app.state.settings.wording import described
from app.state.snapshot import Snapshot
from app.views.grid.grid_views import WEIGHTS_TITLE, GridView
from app.widgets import heatmaps, summaries, text
from app.widgets.heatmaps import Figure
from app.widgets.words.said import joined, say


@dataclass(frozen=True)
class GridPanel:
    """The grid of layers and adapters.

    Attributes:
        id: Equal for equal contents.
        run: Equal for all contents of one run.
        title: Above the grid.
        tag: Beside the title.
        about: The questions that the grid is about: a word and the question.
        query: The question of the grid, as it was asked.
        caveat: What the numbers do not mean.
        sentence: The grid in words.
        note: How it is read, below it.
        first: Number of the first layer.
        layers: Number of layers.
        columns: The columns' labels.
        places: The adapter of each column, as its index in the run.
        cells: The text on each cell, `[layers][columns]`.
        descriptions: Each cell for screen readers, `[layers][columns]`.
        selected: The selected layer and adapter.
        paintable: Whether a click paints a cell.
        figure: For Plotly.
        answer_note: How answers from divergences differ from the grid; empty if they do not.
        other_adapters: Whether the answers were given with other adapters.
        presets: The texts of the buttons that paint presets.
        strokes: The largest number of a stroke that is painted; the page numbers its own above it.
        moment: The page drops contents of an earlier moment than those that it shows.
    """

    id: str
    run: str
    title: str
    tag: str
    about: Sequence[tuple[str, str]]
    query: str
    caveat: str
    sentence: str
    note: str
    first: int
    layers: int
    columns: Sequence[str]
    places: Sequence[int]
    cells: Sequence[Sequence[str]]
    descriptions: Sequence[Sequence[str]]
    selected: tuple[int, int] | None
    paintable: bool
    figure: Figure
    answer_note: str = ""
    other_adapters: bool = False
    presets: Sequence[str] = ()
    strokes: int = 0
    moment: int = field(default=0, compare=False)

    @classmethod
    def empty(cls, sentence: str = "") -> GridPanel:
        """The grid before there is a run."""
        return cls(
            id="",
            run="",
            title=WEIGHTS_TITLE,
            tag="",
            about=(),
            query="",
            caveat="",
            sentence=sentence,
            note="",
            first=0,
            layers=0,
            columns=(),
            places=(),
            cells=(),
            descriptions=(),
            selected=None,
            paintable=False,
            figure=heatmaps.empty(),
        )


def grid_panel(
    grid_view: GridView,
    cell: tuple[int, int] | None,
    pinned: Snapshot | None = None,
    stored: bool = False,
    answer_note: str = "",
) -> GridPanel:
    """The grid.

    Args:
        grid_view: The numbers and their words.
        cell: The selected layer and the adapter's index in the run.
        pinned: The snapshot that is pinned.
        stored: Whether the grid shows the stored example.
        answer_note: How answers from divergences differ from the grid.
    """
    snapshot, labels, cells = grid_view.snapshot, grid_view.labels, grid_view.cells
    layers, painting = snapshot.visible_layers, snapshot.view_settings.show == "what-if"
    descriptions = [
        [
            say("layer {layer}, {adapter}: {number}", layer=layer, adapter=label, number=number)
            for label, number in zip(labels, row, strict=True)
        ]
        for layer, row in zip(layers, cells, strict=False)
    ]
    hover = [
        [
            joined(
                "\n",
                (
                    say("layer {layer} · {adapter}", layer=layer, adapter=snapshot.labels[place]),
                    *grid_view.hover(layer, place),
                ),
            )
            for place in grid_view.places
        ]
        for layer in layers
    ]
    notes = [
        _shortlisted(snapshot),
        grid_view.note,
        described(snapshot.view_settings),
        snapshot.view_settings.span_fault(snapshot.layers)
        or summaries.focus(layers, snapshot.layers),
    ]
    figure = heatmaps.grid(
        grid_view.values,
        labels,
        hover,
        cells,
        scale=grid_view.scale,
        first=layers.start,
        averages=grid_view.averages,
        greyed=grid_view.greyed,
        places=[snapshot.place(adapter) for adapter in grid_view.places],
        hatched=grid_view.hatched,
        unit=grid_view.measure,
    )
    return GridPanel(
        id=snapshot.number,
        run=snapshot.run,
        title=grid_view.title,
        tag=say("stored example") if stored else "",
        about=_about(snapshot, pinned),
        query=snapshot.query,
        caveat=grid_view.caveat,
        sentence=grid_view.sentence,
        note=joined(" ", [note for note in notes if note]),
        first=layers.start,
        layers=len(grid_view.values),
        columns=labels,
        places=tuple(grid_view.places),
        cells=cells,
        descriptions=descriptions,
        selected=cell,
        paintable=painting,
        figure=figure if grid_view.values else heatmaps.empty(),
        answer_note=answer_note,
        presets=[one.label for one in presets(snapshot)] if painting else (),
    )


def _shortlisted(snapshot: Snapshot) -> str:
    """Which adapters a shortlist left out, and why; empty if there is none."""
    left_out = snapshot.left_out
    if not left_out:
        return ""
    count = snapshot.width + len(left_out)
    return say(
        "A shortlist of {some} of {all} adapters is traced: those that are expected to change the "
        "model most here, from one pass of the base and of the prompt's last tokens through each "
        "adapter. Left out: {adapters}.",
        some=snapshot.width,
        all=count,
        adapters=text.listed([text.plain(label) for label in left_out]),
    )


def _about(snapshot: Snapshot, pinned: Snapshot | None) -> list[tuple[str, str]]:
    """The question of the grid and the pinned question: the query box may hold another."""
    about = [(say("for"), _quoted(snapshot.query))]
    if pinned is not None and pinned.query != snapshot.query:
        about.append((say("pinned"), _quoted(pinned.query)))
    return about


def _quoted(query: str) -> str:
    return f"“{text.short(text.plain(query), 100)}”"
