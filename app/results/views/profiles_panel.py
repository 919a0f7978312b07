"""Layer profiles: the mean weights of a method, layer by layer, task by task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.results.lookup import headline, method_order
from app.results.names import Names
from app.views.charts_panel import Chart, ChartsPanel, Table
from app.widgets import heatmaps, summaries, text
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.benchmark.fusion.profiles import LayerProfile
    from analysis.benchmark.results import BenchmarkResult


def profiled_methods(run: BenchmarkResult) -> tuple[str, ...]:
    """The methods whose weights differ between layers or items, the headline method first."""
    varying = {
        profile.method for task in run.tasks for profile in task.profiles if _varies(profile)
    }
    first = headline(run)
    found = [name for name in method_order(run) if name in varying]
    return tuple(sorted(found, key=lambda name: name != first))


def profiles_panel(run: BenchmarkResult, method: str, names: Names, number: int) -> ChartsPanel:
    """A heatmap of layers and adapters for each task."""
    charts = tuple(
        _chart(profile, names.task(task), task.task, names)
        for task in run.tasks
        for profile in task.profiles
        if profile.method == method
    )
    if not charts:
        return ChartsPanel.empty()
    return ChartsPanel(f"{number}-{method}-profile", charts)


def _chart(profile: LayerProfile, task: str, name: str, names: Names) -> Chart:
    labels = [names.adapter(adapter) for adapter in profile.adapters]
    layers = range(len(profile.mean_LK))
    cells = [
        [text.spread(mean, spread) for mean, spread in zip(*rows, strict=True)]
        for rows in zip(profile.mean_LK, profile.spread_LK, strict=True)
    ]
    hover = [
        [
            joined("\n", (say("layer {layer} · {adapter}", layer=layer, adapter=label), cell))
            for label, cell in zip(labels, row, strict=True)
        ]
        for layer, row in zip(layers, cells, strict=True)
    ]
    title = say("Weights of {method}: {task}", method=names.method(profile.method), task=task)
    sentence = summaries.leaders(profile.mean_LK, labels, layers)
    figure = heatmaps.grid(profile.mean_LK, labels, hover, cells, scale="weights")
    table = Table.of(say("Layer"), labels, [str(layer) for layer in layers], cells)
    return Chart(title, joined(". ", (title, sentence)), figure, table, name, task, sentence)


def _varies(profile: LayerProfile) -> bool:
    first = profile.mean_LK[0]
    return any(row != first for row in profile.mean_LK) or any(
        spread > 0 for row in profile.spread_LK for spread in row
    )
