"""The explanation panel: the arithmetic of a cell, and the tokens behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.measure.metrics import metrics
from analysis.measure.normalisation import NEGLIGIBLE, NORMALISATIONS
from analysis.measure.signals import signals
from analysis.measure.trace import BOTH, MEAN
from app.widgets import text
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.measure.cell_explanation import CellExplanation, TokenChange
    from app.state.snapshot import Snapshot
    from app.views.grid.grid_views import GridView

# The most tokens of each list.
_TOP = 5


@dataclass(frozen=True)
class TokenRow:
    """A token's probability without and with the adapter, in words.

    Attributes:
        text: The token with visible white space.
        base: Its probability of the base.
        adapter: Its probability with the adapter.
        change: The difference in percentage points.
        move: Its change of rank.
        direction: 1 for a rise, -1 for a fall, 0 for none.
    """

    text: str
    base: str
    adapter: str
    change: str
    move: str
    direction: int


@dataclass(frozen=True)
class ShareRow:
    """A token's share of the divergence.

    Attributes:
        text: The token with visible white space.
        share: Its share, 0 to 1.
        percent: The share in words.
    """

    text: str
    share: float
    percent: str


@dataclass(frozen=True)
class ExplanationPanel:
    """The explanation of a cell.

    Attributes:
        cell: Its layer and its adapter's index; None before a cell is selected.
        title: Layer and adapter in words.
        adapter: The adapter's label.
        arithmetic: The weight, step by step.
        tokens: The most probable tokens of base and adapter.
        shares: The tokens with the largest shares of the divergence.
        note: How the cell is read.
        moment: The page drops contents of an earlier moment than those that it shows.
    """

    cell: tuple[int, int] | None
    title: str
    adapter: str
    arithmetic: tuple[str, ...]
    tokens: tuple[TokenRow, ...]
    shares: tuple[ShareRow, ...]
    note: str
    moment: int = field(default=0, compare=False)

    @classmethod
    def empty(cls, note: str = "") -> ExplanationPanel:
        """The panel before a cell is selected."""
        return cls(None, "", "", (), (), (), note)


def explanation_panel(
    grid_view: GridView, layer: int, adapter: int, cell: CellExplanation | None, note: str = ""
) -> ExplanationPanel:
    """The explanation of a cell.

    Args:
        grid_view: The grid that the cell belongs to.
        layer: The cell's layer.
        adapter: The adapter's index.
        cell: The tokens behind its divergence; None if they are not known.
        note: How the cell is read.
    """
    label = grid_view.snapshot.labels[adapter]
    steps = (*arithmetic(grid_view.snapshot, layer, adapter), *grid_view.steps(layer, adapter))
    return ExplanationPanel(
        cell=(layer, adapter),
        title=say("Layer {layer} · {adapter}", layer=layer, adapter=label),
        adapter=label,
        arithmetic=steps,
        tokens=() if cell is None else _tokens(cell),
        shares=() if cell is None else _shares(cell),
        note=note,
    )


def arithmetic(snapshot: Snapshot, layer: int, adapter: int) -> list[str]:
    """The weight of a cell, step by step."""
    values, weight = snapshot.divergence[layer], text.fixed(snapshot.weights[layer][adapter], 3)
    view_settings = snapshot.view_settings
    rule = NORMALISATIONS[view_settings.normalisation]
    metric = metrics()[view_settings.metric]
    mean = view_settings.position in (BOTH, MEAN)
    signal = signals()[view_settings.signal]
    usual = snapshot.usual[layer][adapter] if snapshot.usual else 1.0
    found = text.number(values[adapter] * usual) + view_settings.signal_unit
    if signal.of_trace:
        label, formula = (
            (signal.label, signal.formula) if signal.formula else (metric.label, metric.formula)
        )
        lines = [
            say("p, q: probability of each next token without (p) and with (q) the adapter"),
            _found(label, formula, found, mean=mean),
        ]
    else:
        lines = [
            say("x: what each module reads in the base alone, at each token of the query"),
            _found(signal.label, signal.formula, found, mean=True),
        ]
    if snapshot.usual:
        lines.append(
            say(
                "over its usual, the mean of neutral queries: {found} / {usual} = {value}",
                found=found,
                usual=text.number(usual),
                value=text.number(values[adapter]),
            )
        )
    if max(values) <= NEGLIGIBLE:
        return [
            *lines,
            say(
                "No adapter moves the base here, so each gets 1/{count} = {weight}",
                count=len(values),
                weight=weight,
            ),
        ]
    terms = values
    if rule.terms is not None:
        import torch

        (terms,) = rule.terms_of(torch.tensor([values]), view_settings.temperature).tolist()
    if rule.name != "sum":
        at = ", T = " + text.digits(view_settings.temperature, 6) if rule.uses_temperature else ""
        remark = f" {rule.remark}" if rule.remark else ""
        lines.append(say(rule.label.lower()) + f": {rule.formula}" + at + f".{remark}")
    named = [
        joined(" ", (text.short(label, 16), _written(term)))
        for label, term in zip(snapshot.labels, terms, strict=True)
    ]
    total = _written(sum(terms))
    lines.append(say("sum: {terms} = {total}", terms=joined(" + ", named), total=total))
    share = joined(" / ", (_written(terms[adapter]), total))
    if rule.uniform_share:
        own, even = (text.digits(one, 3) for one in (1 - rule.uniform_share, rule.uniform_share))
        share = joined(" + ", (joined(" · ", (own, share)), even)) + f" / {len(values)}"
    return [*lines, joined(" = ", (share, weight))]


def _found(label: str, formula: str, found: str, *, mean: bool) -> str:
    """The line of a formula and its result."""
    if mean:
        formula = say("mean of {formula}", formula=formula)
    return say("{label}: {formula} = {found}", label=say(label), formula=formula, found=found)


def _written(term: float) -> str:
    """A term with four digits, so that a reader who repeats the sum gets the same weight."""
    return text.digits(term, 4) if term == 0 or term >= 1e-3 else text.number(term)


def _tokens(cell: CellExplanation) -> tuple[TokenRow, ...]:
    """The most probable tokens of base and adapter, in the adapter's order."""
    both: dict[int, TokenChange] = {}
    for token in (*cell.adapter_top[:_TOP], *cell.base_top[:_TOP]):
        both.setdefault(token.id, token)
    return tuple(
        TokenRow(
            text=text.visible(token.text),
            base=_percent(token.base),
            adapter=_percent(token.adapter),
            change=_points(token.adapter - token.base),
            move=_move(token.base_rank, token.adapter_rank),
            direction=(token.base_rank > token.adapter_rank)
            - (token.base_rank < token.adapter_rank),
        )
        for token in sorted(both.values(), key=lambda token: token.adapter_rank)
    )


def _shares(cell: CellExplanation) -> tuple[ShareRow, ...]:
    if cell.divergence <= NEGLIGIBLE:
        return ()  # the adapter moves nothing: the shares would be those of rounding
    return tuple(
        ShareRow(text.visible(token.text), token.share, text.percent(token.share))
        for token in cell.contributors[:_TOP]
        if token.share >= 0.005
    )


def _percent(probability: float) -> str:
    if probability < 0.0005:
        return "< " + text.percent(0.001, 1)
    return text.percent(probability, 0 if probability >= 0.0995 else 1)


def _points(difference: float) -> str:
    """A difference in percentage points."""
    return text.signed(100 * difference, 1)


def _move(before: int, after: int) -> str:
    if before == after:
        return "="
    steps = abs(before - after)
    written = str(steps) if steps < 10_000 else f"{steps / 1000:.0f}k"
    return f"▲ {written}" if before > after else f"▼ {written}"
