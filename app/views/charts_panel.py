"""The charts panel: figures that are shown one at a time, each with a table of its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.state.snapshot import Numbers, Snapshot, frozen
from app.views.grid.grid_views import GridView
from app.widgets import line_charts, text, token_heatmap
from app.widgets.heatmaps import Figure
from app.widgets.words.said import capital, joined, say

if TYPE_CHECKING:
    from analysis.measure.every_token import EveryToken


@dataclass(frozen=True)
class Table:
    """Numbers as a table.

    Attributes:
        corner: The heading of the first column.
        columns: The headings of the other columns.
        rows: Each row, its own heading first.
    """

    corner: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @classmethod
    def of(
        cls,
        corner: str,
        columns: Sequence[str],
        headings: Sequence[str],
        cells: Sequence[Sequence[str]],
    ) -> Table:
        """A table from its rows' headings and its cells, `[rows][columns]`."""
        rows = [[heading, *row] for heading, row in zip(headings, cells, strict=True)]
        return cls(corner, list(columns), rows)


@dataclass(frozen=True)
class Chart:
    """One figure of the panel.

    Attributes:
        title: Above the figure.
        label: The figure in words, for screen readers.
        figure: For Plotly.
        table: The same numbers.
        name: The chart's name among several charts.
        choice: The text of the button that shows this chart.
        sentence: This chart in words, below the sentences of the panel.
    """

    title: str
    label: str
    figure: Figure
    table: Table
    name: str = ""
    choice: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class ChartsPanel:
    """Some charts, of which the panel shows one.

    Attributes:
        id: Equal for equal contents.
        sentences: The charts in words.
        charts: The charts.
        files: The kinds of files that the numbers can be saved as.
        moment: The page drops contents of an earlier moment than those that it shows.
    """

    id: str
    charts: tuple[Chart, ...]
    sentences: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    moment: int = field(default=0, compare=False)

    @classmethod
    def empty(cls) -> ChartsPanel:
        """The panel without a chart; the page hides it."""
        return cls("", ())


def profile(grid_view: GridView) -> ChartsPanel:
    """The depth profile: the grid's numbers over the layers, one line for each column."""
    if not grid_view.values:
        return ChartsPanel.empty()
    snapshot = grid_view.snapshot
    title = say("{measure} over the layers", measure=capital(grid_view.measure))
    figure = line_charts.profile(
        grid_view.values,
        grid_view.labels,
        measure=grid_view.measure,
        log=grid_view.scale == "divergence",
        first=snapshot.visible_layers.start,
        places=[snapshot.place(adapter) for adapter in grid_view.places],
        greyed=grid_view.greyed,
    )
    layers = [str(layer) for layer in snapshot.visible_layers]
    table = Table.of(say("Layer"), grid_view.labels, layers, grid_view.cells)
    return ChartsPanel(snapshot.number, (Chart(title, title, figure, table),))


def every_token(snapshot: Snapshot, cell: tuple[int, int], every_token: EveryToken) -> ChartsPanel:
    """The divergence at every token of the prompt: of one adapter, and in one layer.

    Args:
        snapshot: The numbers that are shown.
        cell: The layer and the adapter's index.
        every_token: The divergences at every token.
    """
    layer, adapter = cell
    visible, labels = snapshot.visible_layers, snapshot.labels
    tokens = [text.visible(token) for token in every_token.prompt.tokens]
    values_LKT = every_token.values_LKT
    of_adapter = frozen(values_LKT[visible.start : visible.stop, adapter].tolist())
    in_layer = frozen(values_LKT[layer].tolist())
    label = labels[adapter]
    layers = [str(number) for number in visible]
    view_settings = snapshot.view_settings
    unit, measure = view_settings.token_unit, view_settings.token_measure
    charts = (
        Chart(
            say("{adapter} at every token", adapter=label),
            say(
                "Divergence of {adapter} at every token of the prompt, layer by layer",
                adapter=label,
            ),
            token_heatmap.tokens(
                of_adapter,
                tokens,
                layers,
                _hover(
                    of_adapter,
                    [say("layer {layer} · {adapter}", layer=n, adapter=label) for n in layers],
                    tokens,
                    unit,
                ),
                axis=say("layer"),
                measure=measure,
            ),
            _by_token(
                of_adapter, [say("layer {number}", number=number) for number in layers], tokens
            ),
            "adapter",
            say("One adapter, all layers"),
        ),
        Chart(
            say("Layer {layer} at every token", layer=layer),
            say(
                "Divergence in layer {layer} at every token of the prompt, adapter by adapter",
                layer=layer,
            ),
            token_heatmap.tokens(
                in_layer,
                tokens,
                labels,
                _hover(
                    in_layer,
                    [
                        say("layer {layer} · {adapter}", layer=layer, adapter=name)
                        for name in labels
                    ],
                    tokens,
                    unit,
                ),
                axis="",
                measure=measure,
            ),
            _by_token(in_layer, labels, tokens),
            "layer",
            say("One layer, all adapters"),
        ),
    )
    return ChartsPanel(f"{snapshot.number}-{layer}-{adapter}-tokens", charts)


def _hover(
    values: Numbers, rows: Sequence[str], tokens: Sequence[str], unit: str
) -> list[list[str]]:
    return [
        [
            say("{row} at “{token}”", row=row, token=token)
            + joined("\n", ("", text.number(value) + unit))
            for token, value in zip(tokens, line, strict=True)
        ]
        for row, line in zip(rows, values, strict=True)
    ]


def _by_token(values: Numbers, columns: Sequence[str], tokens: Sequence[str]) -> Table:
    cells = [[text.number(value) for value in column] for column in zip(*values, strict=True)]
    return Table.of(say("Token"), columns, tokens, cells)
