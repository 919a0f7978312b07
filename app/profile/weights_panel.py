"""The mean weights over queries: a grid of layers and adapters, and the bands in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from app.profile.profile_run import ProfileRun
from app.state.settings.view_settings import ViewSettings
from app.state.settings.wording import in_words
from app.views.charts_panel import Chart, ChartsPanel, Table
from app.widgets import heatmaps, text
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.measure.profile.profile import Estimate

_HATCHED = say("the lens saturates in every query: shares mean nothing")
_UNKNOWN = "–"


def weights_panel(run: ProfileRun, labels: Mapping[str, str], places: Sequence[int]) -> ChartsPanel:
    """The mean weights and their spread, and the bands of layers in words.

    Args:
        run: The profile; at least one query is read.
        labels: The adapters' labels by name.
        places: The adapters' places in the collection, by which each has its colour.
    """
    from analysis.measure.profile.words import band_sentences, move_sentences

    profile = run.profile()
    count, named = len(profile.queries), [labels[name] for name in run.adapters]
    layers = range(profile.layers)
    cells = [[_cell(one) for one in row] for row in profile.weights]
    hover = [
        [
            joined(
                "\n",
                (
                    say("layer {layer} · {adapter}", layer=layer, adapter=label),
                    _described(one),
                    say("read in {read} of {count} queries", read=read, count=count),
                ),
            )
            for label, one in zip(named, row, strict=True)
        ]
        for layer, row, read in zip(layers, profile.weights, profile.counts, strict=True)
    ]
    title = (
        say("Weights of 1 query")
        if count == 1
        else say("Mean weight over {count} queries ± standard deviation", count=count)
    )
    sentences = (
        *band_sentences(profile, labels),
        *move_sentences(profile, labels, run.groups),
    )
    figure = heatmaps.grid(
        [[one.mean if one.count else 0.0 for one in row] for row in profile.weights],
        named,
        hover,
        cells,
        scale="weights",
        greyed=[layer for layer in layers if not profile.counts[layer]],
        places=places,
        hatched=_HATCHED,
        unit=say("mean weight"),
    )
    table = Table.of(say("Layer"), named, [str(layer) for layer in layers], cells)
    read = in_words(ViewSettings.with_weights(run.settings))
    chart = Chart(title, joined(". ", (title, joined(" ", sentences))), figure, table, "mean")
    return ChartsPanel(
        f"{run.number}-{count}",
        (chart,),
        (*sentences, say("Settings of this profile: {settings}.", settings=read)),
        ("csv", "json"),
    )


def _cell(one: Estimate) -> str:
    if one.count < 2:
        return text.fixed(one.mean) if one.count else _UNKNOWN
    return text.spread(one.mean, one.spread)


def _described(one: Estimate) -> str:
    if not one.count:
        return _HATCHED
    if one.count == 1:
        return say("weight {weight} (no interval: 1 query only)", weight=_cell(one))
    return say(
        "mean weight {weight}\n95% interval of the mean {low} to {high}",
        weight=_cell(one),
        low=text.fixed(one.low),
        high=text.fixed(one.high),
    )
