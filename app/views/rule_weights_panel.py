"""The weights that rules gave: mean and spread over tokens and modules, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.state.run import AnswerWeights
from app.views.charts_panel import Chart, ChartsPanel, Table
from app.widgets import heatmaps, text
from app.widgets.words.said import joined, say


def rule_weights_panel(
    number: int,
    weights: Sequence[AnswerWeights],
    titles: Mapping[str, str],
    labels: Mapping[str, str],
    layers: range,
) -> ChartsPanel:
    """A grid for each answer whose weights change from token to token.

    Args:
        number: The number of the request.
        weights: The weights behind the answers.
        titles: Labels of the answers by name of the method.
        labels: Labels of the adapters by name.
        layers: The layers that the page shows.

    Returns:
        The panel; empty where all answers have constant weights.
    """
    ruled = [answer for answer in weights if answer.deviation is not None]
    if not ruled:
        return ChartsPanel.empty()
    sentence = say(
        "A rule gives weights for each token and each module. The grid shows their mean over the "
        "prompt and the answer, and ± their standard deviation."
    )
    charts = [_chart(answer, titles[answer.name], labels, layers, sentence) for answer in ruled]
    return ChartsPanel(f"{number}-rules", tuple(charts), (sentence,))


def _chart(
    answer: AnswerWeights,
    title: str,
    labels: Mapping[str, str],
    layers: range,
    sentence: str,
) -> Chart:
    assert answer.deviation is not None
    mean, deviation = (
        [numbers[layer] for layer in layers] for numbers in (answer.mean, answer.deviation)
    )
    columns = [labels[name] for name in answer.adapters]
    cells = [
        [text.spread(value, spread) for value, spread in zip(*rows, strict=True)]
        for rows in zip(mean, deviation, strict=True)
    ]
    hover = [
        [
            say("layer {layer} · {adapter}", layer=layer, adapter=label) + joined("\n", ("", cell))
            for label, cell in zip(columns, row, strict=True)
        ]
        for layer, row in zip(layers, cells, strict=True)
    ]
    figure = heatmaps.grid(mean, columns, hover, cells, scale="weights", first=layers.start)
    table = Table.of(say("Layer"), columns, [str(layer) for layer in layers], cells)
    heading = say("Weights of {answer}", answer=title)
    return Chart(heading, joined(". ", (heading, sentence)), figure, table, answer.name, title)
