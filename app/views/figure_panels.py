"""The grid of layers and adapters, and the figures below it, as their panels take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.state.snapshot import Numbers, Picture, rows
from app.views.grid_views import Face
from app.widgets import heatmaps, line_charts, text

if TYPE_CHECKING:
    from analysis.measure.every_token import EveryToken

View = dict[str, Any]

_NOTHING: View = {"data": [], "layout": {"height": 0}}


def grid(
    face: Face, cell: tuple[int, int] | None, pinned: Picture | None = None, example: bool = False
) -> View:
    """The grid.

    Args:
        face: What to show.
        cell: The selected layer and the adapter's place in the picture.
        pinned: The picture that is pinned.
        example: Say that this is the example that comes with the page.
    """
    picture, labels, cells = face.picture, face.labels, face.cells
    first = picture.shown.start
    say = [
        [f"layer {layer}, {label}: {cell}" for label, cell in zip(labels, row, strict=True)]
        for layer, row in zip(picture.shown, cells, strict=False)
    ]
    hover = [
        [
            "\n".join([f"layer {layer} · {picture.labels[place]}", *face.hover(layer, place)])
            for place in face.places
        ]
        for layer in picture.shown
    ]
    notes = [
        face.note,
        picture.look.described(),
        picture.look.misread or text.focus(picture.shown, picture.layers),
    ]
    figure = heatmaps.grid(
        face.values,
        labels,
        hover,
        cells,
        scale=face.scale,
        first=first,
        averages=face.averages,
        veiled=face.veiled,
    )
    return {
        "id": picture.number,
        "run": picture.run,
        "title": face.title,
        "tag": "stored example" if example else "",
        "about": _about(picture, pinned),
        "sentence": face.sentence,
        "note": " ".join(note for note in notes if note),
        "first": first,
        "layers": len(face.values),
        "columns": labels,
        "places": list(face.places),
        "text": cells,
        "say": say,
        "select": list(cell) if cell else None,
        "paint": picture.look.show == "what-if",
        "figure": figure if face.values else _NOTHING,
    }


def _about(picture: Picture, pinned: Picture | None) -> list[list[str]]:
    """Which question this is about, and which is pinned: the box may hold another by now."""
    about = [["for", _quoted(picture.query)]]
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


def profile(face: Face) -> View:
    """The depth profile: the grid's numbers over the layers, one line for each column."""
    if not face.values:
        return no_profile()
    picture = face.picture
    title = f"{face.measure[0].upper()}{face.measure[1:]} over the layers"
    figure = line_charts.profile(
        face.values,
        face.labels,
        measure=face.measure,
        log=face.scale == "divergence",
        first=picture.shown.start,
        places=face.places,
        veiled=face.veiled,
    )
    numbers = table("Layer", face.labels, [str(layer) for layer in picture.shown], face.cells)
    return {"id": picture.number, "said": [], "charts": [chart(title, title, figure, numbers)]}


def every_token(picture: Picture, cell: tuple[int, int], every: EveryToken) -> View:
    """The divergence at every token of the prompt: of one adapter, and in one layer.

    Args:
        picture: What is shown of the run.
        cell: The layer and the adapter's place.
        every: What was read at every token.
    """
    layer, adapter = cell
    label, look = picture.labels[adapter], picture.look
    texts = [text.visible(token) for token in every.prompt.tokens]
    layers = [str(one) for one in picture.shown]
    of_adapter = rows(every.values_LKT[picture.shown.start : picture.shown.stop, adapter].tolist())
    in_layer = rows(every.values_LKT[layer].tolist())

    def drawn(values: Numbers, names: Sequence[str], where: Sequence[str], axis: str) -> View:
        hover = [
            [
                f"{place} at “{at}”\n{text.number(value)}{look.unit}"
                for at, value in zip(texts, row, strict=True)
            ]
            for place, row in zip(where, values, strict=True)
        ]
        return heatmaps.tokens(values, texts, names, hover, axis=axis, measure=look.measure)

    def read(values: Numbers, names: Sequence[str]) -> View:
        cells = [[text.number(value) for value in column] for column in zip(*values, strict=True)]
        return table("Token", names, texts, cells)

    return {
        "id": f"{picture.number}-{layer}-{adapter}-tokens",
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
                    picture.labels,
                    [f"layer {layer} · {one}" for one in picture.labels],
                    "",
                ),
                read(in_layer, picture.labels),
                ("layer", "One layer, all adapters"),
            ),
        ],
    }


def no_profile() -> View:
    """A profile panel before it has something to show."""
    return {"id": "", "said": [], "charts": []}
