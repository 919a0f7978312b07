"""The grid of layers and adapters, and the figures below it, as their panels take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.state.numbers import Numbers, rows
from app.state.snapshot import Snapshot
from app.views.grid_views import GridView
from app.widgets import heatmaps, line_charts, text

if TYPE_CHECKING:
    from analysis.measure.every_token import EveryToken

View = dict[str, Any]

_NOTHING: View = {"data": [], "layout": {"height": 0}}


def grid(
    grid_view: GridView,
    cell: tuple[int, int] | None,
    pinned: Snapshot | None = None,
    example: bool = False,
) -> View:
    """The grid.

    Args:
        grid_view: What to show.
        cell: The selected layer and the adapter's place in the picture.
        pinned: The picture that is pinned.
        example: Say that this is the example that comes with the page.
    """
    snapshot, labels, cells = grid_view.snapshot, grid_view.labels, grid_view.cells
    first = snapshot.shown.start
    say = [
        [f"layer {layer}, {label}: {cell}" for label, cell in zip(labels, row, strict=True)]
        for layer, row in zip(snapshot.shown, cells, strict=False)
    ]
    hover = [
        [
            "\n".join([f"layer {layer} · {snapshot.labels[place]}", *grid_view.hover(layer, place)])
            for place in grid_view.places
        ]
        for layer in snapshot.shown
    ]
    notes = [
        grid_view.note,
        snapshot.view_settings.described(),
        snapshot.view_settings.misread or text.focus(snapshot.shown, snapshot.layers),
    ]
    figure = heatmaps.grid(
        grid_view.values,
        labels,
        hover,
        cells,
        scale=grid_view.scale,
        first=first,
        averages=grid_view.averages,
        veiled=grid_view.veiled,
    )
    return {
        "id": snapshot.number,
        "run": snapshot.run,
        "title": grid_view.title,
        "tag": "stored example" if example else "",
        "about": _about(snapshot, pinned),
        "sentence": grid_view.sentence,
        "note": " ".join(note for note in notes if note),
        "first": first,
        "layers": len(grid_view.values),
        "columns": labels,
        "places": list(grid_view.places),
        "text": cells,
        "say": say,
        "select": list(cell) if cell else None,
        "paint": snapshot.view_settings.show == "what-if",
        "figure": figure if grid_view.values else _NOTHING,
    }


def _about(snapshot: Snapshot, pinned: Snapshot | None) -> list[list[str]]:
    """Which question this is about, and which is pinned: the box may hold another by now."""
    about = [["for", _quoted(snapshot.query)]]
    if pinned is not None:
        about.append(["pinned", _quoted(pinned.query)])
    return about


def _quoted(query: str) -> str:
    return f"“{text.short(text.plain(query), 100)}”"


def empty(sentence: str) -> View:
    """The grid before there is a run."""
    return {
        "id": "",
        "run": "",
        "title": "Who speaks where",
        "tag": "",
        "about": [],
        "sentence": sentence,
        "note": "",
        "first": 0,
        "layers": 0,
        "columns": [],
        "places": [],
        "text": [],
        "say": [],
        "select": None,
        "paint": False,
        "figure": _NOTHING,
    }


def chart(
    title: str, label: str, figure: View, table: View, choice: tuple[str, str] = ("", "")
) -> View:
    """One figure of a profile panel.

    Args:
        title: Above it.
        label: What it shows, for those who cannot see it.
        figure: For Plotly.
        table: The same numbers, from `table`.
        choice: Where there are several to choose from: a name for this one, and its button's text.
    """
    name, said = choice
    return {
        "name": name,
        "choice": said,
        "title": title,
        "label": label,
        "figure": figure,
        "table": table,
    }


def table(corner: str, columns: Sequence[str], heads: Sequence[str], cells: Any) -> View:
    """Numbers as a table.

    Args:
        corner: What the rows are.
        columns: The columns' heads.
        heads: The rows' heads.
        cells: `[rows][columns]`, as text.
    """
    body = [[head, *row] for head, row in zip(heads, cells, strict=True)]
    return {"corner": corner, "columns": list(columns), "rows": body}


def profile(grid_view: GridView) -> View:
    """The depth profile: the grid's numbers over the layers, one line for each column."""
    if not grid_view.values:
        return no_profile()
    snapshot = grid_view.snapshot
    title = f"{grid_view.measure[0].upper()}{grid_view.measure[1:]} over the layers"
    figure = line_charts.profile(
        grid_view.values,
        grid_view.labels,
        measure=grid_view.measure,
        log=grid_view.scale == "divergence",
        first=snapshot.shown.start,
        places=grid_view.places,
        veiled=grid_view.veiled,
    )
    numbers = table(
        "Layer", grid_view.labels, [str(layer) for layer in snapshot.shown], grid_view.cells
    )
    return {"id": snapshot.number, "said": [], "charts": [chart(title, title, figure, numbers)]}


def every_token(snapshot: Snapshot, cell: tuple[int, int], every_token: EveryToken) -> View:
    """The divergence at every token of the prompt: of one adapter, and in one layer.

    Args:
        snapshot: What is shown of the run.
        cell: The layer and the adapter's place.
        every_token: What was read at every token.
    """
    layer, adapter = cell
    label, view_settings = snapshot.labels[adapter], snapshot.view_settings
    texts = [text.visible(token) for token in every_token.prompt.tokens]
    layers = [str(one) for one in snapshot.shown]
    of_adapter = rows(
        every_token.values_LKT[snapshot.shown.start : snapshot.shown.stop, adapter].tolist()
    )
    in_layer = rows(every_token.values_LKT[layer].tolist())

    def drawn(values: Numbers, names: Sequence[str], where: Sequence[str], axis: str) -> View:
        hover = [
            [
                f"{place} at “{at}”\n{text.number(value)}{view_settings.unit}"
                for at, value in zip(texts, row, strict=True)
            ]
            for place, row in zip(where, values, strict=True)
        ]
        return heatmaps.tokens(
            values, texts, names, hover, axis=axis, measure=view_settings.measure
        )

    def read(values: Numbers, names: Sequence[str]) -> View:
        cells = [[text.number(value) for value in column] for column in zip(*values, strict=True)]
        return table("Token", names, texts, cells)

    return {
        "id": f"{snapshot.number}-{layer}-{adapter}-tokens",
        "said": [],
        "charts": [
            chart(
                f"{label} at every token",
                f"Divergence of {label} at every token of the prompt, layer by layer",
                drawn(of_adapter, layers, [f"layer {one} · {label}" for one in layers], "layer"),
                read(of_adapter, [f"layer {one}" for one in layers]),
                ("adapter", "One adapter, all layers"),
            ),
            chart(
                f"Layer {layer} at every token",
                f"Divergence in layer {layer} at every token of the prompt, adapter by adapter",
                drawn(
                    in_layer,
                    snapshot.labels,
                    [f"layer {layer} · {one}" for one in snapshot.labels],
                    "",
                ),
                read(in_layer, snapshot.labels),
                ("layer", "One layer, all adapters"),
            ),
        ],
    }


def no_profile() -> View:
    """A profile panel before it has something to show."""
    return {"id": "", "said": [], "charts": []}
