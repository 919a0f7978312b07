"""The grid of layers and adapters, and its depth profile, in each way it can be shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app import figures, text, views
from app.picture import Difference, Numbers, Picture, difference

if TYPE_CHECKING:
    from analysis.prompt import Prompt

View = dict[str, Any]


@dataclass(frozen=True)
class _Face:
    """One way to show a picture's layers, those that are shown."""

    title: str
    sentence: str
    labels: Sequence[str]
    values: Numbers
    on_cell: Callable[[float], str]
    scale: str
    averages: Sequence[str] = ()


def grid(
    picture: Picture,
    cell: tuple[int, int] | None,
    pinned: Picture | None = None,
    painted: Numbers | None = None,
    example: bool = False,
) -> View:
    """The grid.

    Args:
        picture: What to show; its look says how.
        cell: The selected layer and adapter.
        pinned: The picture to compare with.
        painted: The what-if weights.
        example: Say that this is the example that comes with the page.
    """
    face = _face(picture, pinned, painted)
    labels, first = list(face.labels), picture.shown.start
    cells = [[face.on_cell(value) for value in row] for row in face.values]
    say = [
        [f"layer {layer}, {label}: {cell}" for label, cell in zip(labels, row, strict=True)]
        for layer, row in zip(picture.shown, cells, strict=True)
    ]
    veiled = text.saturated(picture.peaks, picture.shown) if face.scale == "weights" else []
    notes = [
        text.saturation(veiled, picture.look.lens),
        picture.look.described(),
        picture.look.misread or text.focus(picture.shown, picture.layers),
    ]
    return {
        "id": picture.number,
        "title": face.title,
        "tag": "stored example" if example else "",
        "sentence": face.sentence,
        "note": " ".join(note for note in notes if note),
        "first": first,
        "layers": len(face.values),
        "columns": labels,
        "text": cells,
        "say": say,
        "select": list(cell) if cell else None,
        "paint": picture.look.show == "what-if",
        "figure": figures.grid(
            face.values,
            labels,
            _hover(picture, face, cells),
            cells,
            scale=face.scale,
            first=first,
            averages=face.averages,
            veiled=veiled,
        ),
    }


def _hover(picture: Picture, face: _Face, cells: Sequence[Sequence[str]]) -> list[list[str]]:
    if list(face.labels) != list(picture.labels):
        return [
            [
                f"layer {layer} · {label}\n{cell}"
                for label, cell in zip(face.labels, row, strict=True)
            ]
            for layer, row in zip(picture.shown, cells, strict=True)
        ]
    unit = picture.look.unit
    return [
        [
            f"layer {layer} · {label}\nweight {picture.weights[layer][place]:.4f}\n"
            f"divergence {text.number(picture.divergence[layer][place])}{unit}"
            for place, label in enumerate(picture.labels)
        ]
        for layer in picture.shown
    ]


def _face(picture: Picture, pinned: Picture | None, painted: Numbers | None) -> _Face:
    show, first = picture.look.show, picture.shown.start
    weights, divergence = focused(picture, picture.weights), focused(picture, picture.divergence)
    if show == "divergence":
        return _Face(
            "How far each adapter moves the base",
            text.movers(divergence, picture.labels, picture.look.unit, first),
            picture.labels,
            divergence,
            text.number,
            "divergence",
        )
    if show == "what-if" and painted is not None:
        return _Face(
            "What if",
            "Click a cell to paint it, or select one with the arrow keys and press Enter. "
            "Then hear what these weights answer.",
            picture.labels,
            focused(picture, painted),
            "{:.2f}".format,
            "weights",
        )
    if show == "difference" and pinned is not None:
        changed = difference(pinned, picture)
        if changed is not None:
            values = focused(picture, changed.values)
            return _Face(
                "What changed since the pin",
                text.changes(values, changed.labels, _before(pinned, picture, changed), first),
                changed.labels,
                values,
                "{:+.2f}".format,
                "difference",
            )
    return _Face(
        "Who speaks where",
        text.leaders(weights, picture.labels, first),
        picture.labels,
        weights,
        "{:.2f}".format,
        "weights",
        [f"{mean:.0%} on average" for mean in views.averages(weights)],
    )


def _before(pinned: Picture, picture: Picture, changed: Difference) -> str:
    """What the pinned picture is called beside the one that is shown."""
    said = f"“{text.short(text.plain(pinned.query), 60)}”"
    unlike = pinned.look.unlike(picture.look)
    if unlike:
        said += f", read with {unlike}"
    if len(changed.adapters) < max(pinned.width, picture.width):
        said += f" (only {text.listed(changed.labels)}, which both have)"
    return said


def focused(picture: Picture, values: Numbers) -> Numbers:
    """Of numbers for all layers, those of the layers that are shown."""
    return values[picture.shown.start : picture.shown.stop]


def profile(picture: Picture) -> View:
    """The depth profile: weights or divergences over the layers, one line for each adapter."""
    by_weight = picture.look.show != "divergence"
    values = picture.weights if by_weight else picture.divergence
    return {
        "id": picture.number,
        "title": "Over the depth",
        "label": "Weights over the layers" if by_weight else "Divergence over the layers",
        "said": [],
        "figure": figures.profile(
            focused(picture, values),
            picture.labels,
            log=not by_weight,
            first=picture.shown.start,
        ),
    }


def every_token(picture: Picture, adapter: int, prompt: Prompt, values: Numbers) -> View:
    """One adapter's divergence at every token of the prompt.

    Args:
        picture: What is shown of the run.
        adapter: The adapter's place.
        prompt: What the model read.
        values: `[layers][tokens]`.
    """
    label = picture.labels[adapter]
    texts = [text.visible(token) for token in prompt.tokens]
    return {
        "id": f"{picture.number}-{adapter}-tokens",
        "title": f"{label} at every token",
        "label": f"Divergence of {label} at every token of the prompt, layer by layer",
        "said": [],
        "figure": figures.tokens(focused(picture, values), texts, label, picture.shown.start),
    }


def no_profile() -> View:
    """The depth profile before there is a run."""
    figure: View = {"data": [], "layout": {"height": 0}}
    return {"id": "", "title": "", "label": "", "said": [], "figure": figure}


def empty(sentence: str) -> View:
    """The grid before there is a run."""
    return {
        "id": "",
        "title": "Who speaks where",
        "tag": "",
        "sentence": sentence,
        "note": "",
        "first": 0,
        "layers": 0,
        "columns": [],
        "text": [],
        "say": [],
        "select": None,
        "paint": False,
        "figure": {"data": [], "layout": {"height": 0}},
    }
