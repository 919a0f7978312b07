"""Results as what the panels show: pure functions from results to plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.collection import Collection
from analysis.metrics import METRICS
from analysis.trace import MEAN
from analysis.weights import NORMALISATIONS
from app import text
from app.loader import Loading

if TYPE_CHECKING:
    from analysis.cell import Cell, TokenChange
    from analysis.prompt import Prompt
    from app.examples import Example
    from app.faces import Face
    from app.picture import Picture

View = dict[str, Any]

_FRAMES = {
    "form": "the collection's prompt form around it",
    "template": "the tokenizer's chat template around it",
    "plain": "nothing around it",
}
_TOP = 5
# The largest terms of a sum are spelled out, the rest stands as one number.
_TERMS = 4
_LONGEST_LABEL = 160


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


def prompt(read: Prompt | None, position: str = "query") -> View:
    """What the model read, and the token that it is read at, if it is a single one."""
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
    places = {"query": read.query_last, "prompt": read.last}
    return {"tokens": tokens, "summary": summary, "read": places.get(position)}


def _part(read: Prompt, index: int) -> str:
    if read.control[index]:
        return "control"
    return "query" if read.query_first <= index <= read.query_last else "frame"


def why(face: Face, layer: int, adapter: int, cell: Cell | None, note: str = "") -> View:
    """Why a cell is what it is.

    Args:
        face: Which it is a cell of.
        layer: Its layer.
        adapter: Its adapter's place.
        cell: What is behind its divergence; None where that cannot be said now.
        note: Said at the end.
    """
    label = face.picture.labels[adapter]
    view: View = {
        "cell": [layer, adapter],
        "title": f"Layer {layer} · {label}",
        "adapter": label,
        "arithmetic": [
            *arithmetic(face.picture, layer, adapter),
            *face.steps(layer, adapter),
        ],
        "tokens": [],
        "shares": [],
        "note": note,
    }
    if cell is not None:
        view["tokens"] = _tokens(cell)
        view["shares"] = [
            {"text": text.visible(one.text), "share": one.share, "said": f"{one.share:.0%}"}
            for one in cell.contributors[:_TOP]
            if one.share >= 0.005
        ]
    return view


def arithmetic(picture: Picture, layer: int, adapter: int) -> list[str]:
    """How a weight comes about, step by step."""
    values, weight = picture.divergence[layer], f"{picture.weights[layer][adapter]:.3f}"
    look = picture.look
    rule = NORMALISATIONS[look.normalisation]
    metric = METRICS[look.metric]
    mean = "mean of " if look.position == MEAN else ""
    lines = [
        "p, q: how probable each next token is without and with the adapter",
        f"{metric.label}: {mean}{metric.formula} = {text.number(values[adapter])}{look.unit}",
    ]
    if not any(values):
        return [*lines, f"nothing diverges, so all share alike → {weight}"]
    terms = values
    if rule.terms is not None:
        import torch

        (terms,) = rule.terms_of(torch.tensor([values]), look.temperature).tolist()
    if rule.name != "sum":
        at = f", T = {look.temperature:g}" if rule.tempered else ""
        lines.append(f"{rule.label.lower()}: {rule.formula}{at}")
    said = [text.number(term) for term in sorted(terms, reverse=True)[:_TERMS]]
    if len(terms) > _TERMS:
        said.append(text.number(sum(sorted(terms)[:-_TERMS])))
    share = f"{text.number(terms[adapter])} / ({' + '.join(said)})"
    if rule.even:
        share = f"{1 - rule.even:g} · {share} + {rule.even:g} / {len(values)}"
    return [*lines, f"{share} = {weight}"]


def _tokens(cell: Cell) -> list[View]:
    """The most probable tokens of base and adapter, the adapter's order first."""
    both: dict[int, TokenChange] = {}
    for one in (*cell.adapter_top[:_TOP], *cell.base_top[:_TOP]):
        both.setdefault(one.id, one)
    return [
        {
            "text": text.visible(one.text),
            "base": _percent(one.base),
            "adapter": _percent(one.adapter),
            "change": _change(one.adapter - one.base),
            "move": _move(one.base_rank, one.adapter_rank),
            "way": (one.base_rank > one.adapter_rank) - (one.base_rank < one.adapter_rank),
        }
        for one in sorted(both.values(), key=lambda one: one.adapter_rank)
    ]


def _percent(probability: float) -> str:
    if probability >= 0.0995:
        return f"{100 * probability:.0f} %"
    return f"{100 * probability:.1f} %" if probability >= 0.0005 else "< 0.1 %"


def _change(difference: float) -> str:
    """In points of a hundred."""
    points = f"{100 * difference:+.1f}"
    return "0" if float(points) == 0 else points.replace("-", "−")


def _move(before: int, after: int) -> str:
    if before == after:
        return "="
    return f"▲ {before - after}" if before > after else f"▼ {after - before}"


def no_cell(note: str) -> View:
    """The panel of a cell before one is chosen."""
    return {
        "cell": None,
        "title": "",
        "adapter": "",
        "arithmetic": [],
        "tokens": [],
        "shares": [],
        "note": note,
    }


def taken(ready: bool, link: View | None = None, run: int = 0, note: str = "") -> View:
    """What the panel of files shows.

    Args:
        ready: Whether there is something to take.
        link: The permalink of what is shown, its `text` and the `keys` that such links have; None
            leaves the link as it is.
        run: Number of the run that the link leads to; 0 where it is the stored example, which is
            there without a link.
        note: Said of the link.
    """
    return {"ready": ready, "link": link, "run": run, "note": note, "file": None}


def chips(examples: Sequence[Example], labels: Mapping[str, str]) -> list[View]:
    """The example questions, each with the adapters that it is asked with."""
    return [
        {
            "label": one.label,
            "said": f"{one.query}\nwith {text.listed([labels[name] for name in chosen])}"
            if len(chosen) < len(labels)
            else one.query,
        }
        for one in examples
        for chosen in [one.among(list(labels))]
    ]


def labels_of(collection: Collection) -> Mapping[str, str]:
    """Each adapter's label by its name, as one line that a page has room for."""
    return {
        adapter.name: text.short(text.plain(adapter.label), _LONGEST_LABEL)
        for adapter in collection.adapters
    }
