"""The grid of layers and adapters, and its depth profile, in each way it can be shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app import figures, text, views
from app.picture import Numbers, Picture, difference

if TYPE_CHECKING:
    from analysis.prompt import Prompt
    from analysis.spread import Spread

View = dict[str, Any]


@dataclass(frozen=True)
class _Face:
    """One way to show a picture."""

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
    labels = list(face.labels)
    cells = [[face.on_cell(value) for value in row] for row in face.values]
    say = [
        [f"layer {layer}, {label}: {cell}" for label, cell in zip(labels, row, strict=True)]
        for layer, row in enumerate(cells)
    ]
    notes = [text.saturation(picture.peaks, picture.look.lens), picture.look.described()]
    return {
        "id": picture.number,
        "title": face.title,
        "tag": "stored example" if example else "",
        "sentence": face.sentence,
        "note": " ".join(note for note in notes if note),
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
            averages=face.averages,
            veiled=text.saturated(picture.peaks) if face.scale == "weights" else (),
        ),
    }


def _hover(picture: Picture, face: _Face, cells: Sequence[Sequence[str]]) -> list[list[str]]:
    if list(face.labels) != list(picture.labels):
        return [
            [
                f"layer {layer} · {label}\n{cell}"
                for label, cell in zip(face.labels, row, strict=True)
            ]
            for layer, row in enumerate(cells)
        ]
    unit = picture.look.unit
    return [
        [
            f"layer {layer} · {label}\nweight {picture.weights[layer][place]:.4f}\n"
            f"divergence {text.number(picture.divergence[layer][place])}{unit}"
            for place, label in enumerate(picture.labels)
        ]
        for layer in range(picture.layers)
    ]


def _face(picture: Picture, pinned: Picture | None, painted: Numbers | None) -> _Face:
    show = picture.look.show
    if show == "divergence":
        return _Face(
            "How far each adapter moves the base",
            text.leaders(picture.weights, picture.labels),
            picture.labels,
            picture.divergence,
            text.number,
            "divergence",
        )
    if show == "what-if" and painted is not None:
        return _Face(
            "What if",
            "Click a cell to paint it, or select one with the arrow keys and press Enter. "
            "Then hear what these weights answer.",
            picture.labels,
            painted,
            "{:.2f}".format,
            "weights",
        )
    if show == "difference" and pinned is not None:
        changed = difference(pinned, picture)
        if changed is not None:
            return _Face(
                "What changed since the pin",
                text.changes(changed.values, changed.labels, pinned.query),
                changed.labels,
                changed.values,
                "{:+.2f}".format,
                "difference",
            )
    return _Face(
        "Who speaks where",
        text.leaders(picture.weights, picture.labels),
        picture.labels,
        picture.weights,
        "{:.2f}".format,
        "weights",
        [f"{mean:.0%} on average" for mean in views.averages(picture.weights)],
    )


def profile(picture: Picture) -> View:
    """The depth profile: weights or divergences over the layers, one line for each adapter."""
    by_weight = picture.look.show != "divergence"
    return {
        "id": picture.number,
        "title": "Over the depth",
        "label": "Weights over the layers" if by_weight else "Divergence over the layers",
        "figure": figures.profile(
            picture.weights if by_weight else picture.divergence, picture.labels, log=not by_weight
        ),
    }


def every_token(number: str, prompt: Prompt, values: Numbers, label: str) -> View:
    """One adapter's divergence at every token of the prompt.

    Args:
        number: Says which picture this is.
        prompt: What the model read.
        values: `[layers][tokens]`.
        label: The adapter's label.
    """
    texts = [text.visible(token) for token in prompt.tokens]
    return {
        "id": number,
        "title": f"{label} at every token",
        "label": f"Divergence of {label} at every token of the prompt, layer by layer",
        "figure": figures.tokens(values, texts, label),
    }


def spread(picture: Picture, found: Spread, asked: Sequence[str]) -> View:
    """Weights over variants of the query: mean and spread, cells inside the noise shaded.

    Args:
        picture: Whose adapters they are.
        found: What was found.
        asked: The variants.
    """
    means, deviations = found.mean_LK.tolist(), found.deviation_LK.tolist()
    noise = found.noise_LK.tolist()
    cells = [
        [f"{mean:.2f} ± {off:.2f}" for mean, off in zip(*both, strict=True)]
        for both in zip(means, deviations, strict=True)
    ]
    hover = [
        [
            f"layer {layer} · {label}\n{cell}"
            + ("\nwithin the noise" if noise[layer][place] else "")
            for place, (label, cell) in enumerate(zip(picture.labels, row, strict=True))
        ]
        for layer, row in enumerate(cells)
    ]
    within = sum(sum(row) for row in noise)
    said = f"{within} of {picture.layers * picture.width} cells are within the noise"
    return {
        "id": f"{picture.number}-spread-{len(asked)}",
        "title": f"Mean and spread over {len(asked)} variants; {said} (shaded)",
        "label": said,
        "figure": figures.grid(
            means,
            picture.labels,
            hover,
            cells,
            scale="weights",
            veiled_cells=[
                (layer, place)
                for layer, row in enumerate(noise)
                for place, quiet in enumerate(row)
                if quiet
            ],
        ),
    }


def no_profile() -> View:
    """The depth profile before there is a run."""
    return {"id": "", "title": "", "label": "", "figure": {"data": [], "layout": {"height": 0}}}


def empty(sentence: str) -> View:
    """The grid before there is a run."""
    return {
        "id": "",
        "title": "Who speaks where",
        "tag": "",
        "sentence": sentence,
        "note": "",
        "layers": 0,
        "columns": [],
        "text": [],
        "say": [],
        "select": None,
        "paint": False,
        "figure": {"data": [], "layout": {"height": 0}},
    }
