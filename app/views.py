"""Results as what the panels show: pure functions from results to plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.collection import Collection
from app import figures, text
from app.loader import Loading

if TYPE_CHECKING:
    from analysis.divergence import Divergence
    from analysis.prompt import Prompt

View = dict[str, Any]

_FRAMES = {
    "form": "the collection's prompt form around it",
    "template": "the tokenizer's chat template around it",
    "plain": "nothing around it",
}


def masthead(collection: Collection, loading: Loading) -> View:
    """The page's head."""
    return {
        "collection": text.plain(collection.title),
        "what": text.plain(loading.what),
        "share": loading.share,
        "state": loading.state,
    }


def status(state: str, what: str, share: float = 0.0, detail: str = "") -> View:
    """The line that says what is going on: `idle`, `working`, `done`, `stopped` or `error`."""
    return {"state": state, "text": what, "share": share, "detail": detail}


def prompt(read: Prompt | None) -> View:
    """What the model read."""
    if read is None:
        return {"tokens": [], "summary": "", "read": None}
    tokens = [
        {"text": text.visible(token), "id": id_, "part": _part(read, index)}
        for index, (token, id_) in enumerate(zip(read.tokens, read.ids, strict=True))
    ]
    count = read.query_last - read.query_first + 1
    summary = (
        f"What the model read: {len(read.ids)} tokens, {count} of them your query, "
        f"with {_FRAMES[read.frame]}"
    )
    return {"tokens": tokens, "summary": summary, "read": read.query_last}


def _part(read: Prompt, index: int) -> str:
    if read.control[index]:
        return "control"
    return "query" if read.query_first <= index <= read.query_last else "frame"


def grid(
    number: str,
    labels: Sequence[str],
    reading: Divergence,
    weights: Sequence[Sequence[float]],
    show: str,
) -> View:
    """The grid of layers and adapters.

    Args:
        number: Says which picture this is.
        labels: The adapters' labels.
        reading: The divergence.
        weights: qa-FLoRA's weights, `[layers][adapters]`.
        show: `weights` or `divergence`.
    """
    labels = [text.plain(label) for label in labels]
    values = reading.values_LK.tolist()
    peaks = reading.peak_L.tolist()
    shown = weights if show == "weights" else values
    cells = [
        [f"{value:.2f}" if show == "weights" else text.number(value) for value in row]
        for row in shown
    ]
    hover = [
        [
            f"layer {layer} · {label}\nweight {weight:.4f}\ndivergence {text.number(value)} nats"
            for label, weight, value in zip(labels, weights[layer], row, strict=True)
        ]
        for layer, row in enumerate(values)
    ]
    say = [
        [f"layer {layer}, {label}: {cell}" for label, cell in zip(labels, row, strict=True)]
        for layer, row in enumerate(cells)
    ]
    averages = []
    if show == "weights":
        count = len(weights)
        averages = [
            f"{sum(row[adapter] for row in weights) / count:.0%} on average"
            for adapter in range(len(labels))
        ]
    return {
        "id": number,
        "title": "Who speaks where" if show == "weights" else "How far each adapter moves the base",
        "sentence": text.leaders(weights, labels),
        "note": text.saturation(peaks, reading.lens),
        "layers": len(values),
        "columns": labels,
        "text": cells,
        "say": say,
        "figure": figures.grid(
            shown,
            labels,
            hover,
            cells,
            scale=show,
            averages=averages,
            veiled=text.saturated(peaks),
        ),
    }


def empty_grid(sentence: str) -> View:
    """The grid before there is a run."""
    return {
        "id": "",
        "title": "Who speaks where",
        "sentence": sentence,
        "note": "",
        "layers": 0,
        "columns": [],
        "text": [],
        "say": [],
        "figure": {"data": [], "layout": {"height": 0}},
    }


def labels_of(collection: Collection) -> Mapping[str, str]:
    """Each adapter's label by its name."""
    return {adapter.name: text.plain(adapter.label) for adapter in collection.adapters}
