"""Why a cell is what it is: its arithmetic and the tokens behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.measure.metrics import metrics
from analysis.measure.normalisation import NORMALISATIONS
from analysis.measure.trace import MEAN
from app.widgets import text

if TYPE_CHECKING:
    from analysis.measure.cell_explanation import CellExplanation, TokenChange
    from app.state.snapshot import Snapshot
    from app.views.grid_views import GridView

View = dict[str, Any]

_TOP = 5
# The largest terms of a sum are spelled out, the rest stands as one number.
_TERMS = 4


def cell_view(
    grid_view: GridView, layer: int, adapter: int, cell: CellExplanation | None, note: str = ""
) -> View:
    """Why a cell is what it is.

    Args:
        grid_view: Which it is a cell of.
        layer: Its layer.
        adapter: Its adapter's place.
        cell: What is behind its divergence; None where that cannot be said now.
        note: Said at the end.
    """
    label = grid_view.snapshot.labels[adapter]
    view: View = {
        "cell": [layer, adapter],
        "title": f"Layer {layer} · {label}",
        "adapter": label,
        "arithmetic": [
            *arithmetic(grid_view.snapshot, layer, adapter),
            *grid_view.steps(layer, adapter),
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


def arithmetic(snapshot: Snapshot, layer: int, adapter: int) -> list[str]:
    """How a weight comes about, step by step."""
    values, weight = snapshot.divergence[layer], f"{snapshot.weights[layer][adapter]:.3f}"
    view_settings = snapshot.view_settings
    rule = NORMALISATIONS[view_settings.normalisation]
    metric = metrics()[view_settings.metric]
    mean = "mean of " if view_settings.position == MEAN else ""
    lines = [
        "p, q: how probable each next token is without and with the adapter",
        f"{metric.label}: {mean}{metric.formula} = "
        f"{text.number(values[adapter])}{view_settings.unit}",
    ]
    if not any(values):
        return [*lines, f"nothing diverges, so all share alike → {weight}"]
    terms = values
    if rule.terms is not None:
        import torch

        (terms,) = rule.terms_of(torch.tensor([values]), view_settings.temperature).tolist()
    if rule.name != "sum":
        at = f", T = {view_settings.temperature:g}" if rule.uses_temperature else ""
        lines.append(f"{rule.label.lower()}: {rule.formula}{at}")
    said = [text.number(term) for term in sorted(terms, reverse=True)[:_TERMS]]
    if len(terms) > _TERMS:
        said.append(text.number(sum(sorted(terms)[:-_TERMS])))
    share = f"{text.number(terms[adapter])} / ({' + '.join(said)})"
    if rule.uniform_share:
        share = f"{1 - rule.uniform_share:g} · {share} + {rule.uniform_share:g} / {len(values)}"
    return [*lines, f"{share} = {weight}"]


def _tokens(cell: CellExplanation) -> list[View]:
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
