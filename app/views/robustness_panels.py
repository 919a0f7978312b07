"""The robustness checks: the spread over variants of a query, and an adapter beside its copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.state.snapshot import Snapshot, frozen
from app.views.charts_panel import Chart, ChartsPanel, Table
from app.views.grid.grid_views import in_visible_layers
from app.widgets import heatmaps, summaries, text
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.measure.checks.control_copies import CopyComparison
    from analysis.measure.checks.robustness import WeightSpread


_FILES = ("csv", "json")


def variants_panel(
    snapshot: Snapshot, spread: WeightSpread, variants: Sequence[str]
) -> ChartsPanel:
    """The weights over variants of the query: mean and spread, cells within the noise in grey.

    Args:
        snapshot: The numbers that are shown; gives adapters and layers.
        spread: The weights' mean and spread.
        variants: The variants.
    """
    layers = snapshot.visible_layers
    means, deviations, noisy = (
        in_visible_layers(snapshot, frozen(values.tolist()))
        for values in (spread.mean_LK, spread.deviation_LK, spread.within_noise_LK)
    )
    # As in the grid itself: where the lens saturates, shares mean nothing, and neither does noise.
    certain = [layer for layer in layers if layer in snapshot.saturated]
    noise = [
        [bool(is_noise) and layer not in certain for is_noise in row]
        for layer, row in zip(layers, noisy, strict=True)
    ]
    cells = [
        [text.spread(mean, deviation) for mean, deviation in zip(*both, strict=True)]
        for both in zip(means, deviations, strict=True)
    ]
    hover = [
        [
            say("layer {layer} · {adapter}", layer=layer, adapter=label)
            + joined("\n", ("", cell))
            + (say("\nwithin the noise") if is_noise else "")
            for label, cell, is_noise in zip(snapshot.labels, written, noisy_row, strict=True)
        ]
        for layer, written, noisy_row in zip(layers, cells, noise, strict=True)
    ]
    clear = len(cells) - len(certain)
    count = sum(sum(row) for row in noise)
    sentence = say(
        "{count} of {all} cells are hatched, because they are within the noise: their mean differs "
        "from an equal share by less than their spread.",
        count=count,
        all=clear * snapshot.width,
    )
    certainty = summaries.saturation(certain, [snapshot.view_settings.lens])
    title = say("Mean and spread over {count} variants", count=len(variants))
    figure = heatmaps.grid(
        means,
        snapshot.labels,
        hover,
        cells,
        scale="weights",
        first=layers.start,
        greyed=certain,
        greyed_cells=[
            (layer, column)
            for layer, row in zip(layers, noise, strict=True)
            for column, is_noise in enumerate(row)
            if is_noise
        ],
        places=[snapshot.place(adapter) for adapter in range(snapshot.width)],
        hatched=say("within the noise, or certain") if certain else say("within the noise"),
    )
    numbers = [
        [
            say("{cell}, noise", cell=cell) if is_noise else cell
            for cell, is_noise in zip(*pair, strict=True)
        ]
        for pair in zip(cells, noise, strict=True)
    ]
    table = Table.of(say("Layer"), snapshot.labels, [str(layer) for layer in layers], numbers)
    queries = text.listed([f"“{text.visible(variant)}”" for variant in variants])
    return ChartsPanel(
        f"{snapshot.number}-spread-{len(variants)}",
        (Chart(title, joined(". ", (title, sentence)), figure, table),),
        tuple(
            said
            for said in (sentence, certainty, say("Variants: {queries}.", queries=queries))
            if said
        ),
        _FILES,
    )


def copies_panel(snapshot: Snapshot, comparison: CopyComparison) -> ChartsPanel:
    """One adapter beside its zero, duplicate and doubled copies.

    Args:
        snapshot: The numbers that are shown; gives labels and layers.
        comparison: Divergences and weights of the copies.
    """
    from analysis.measure.checks.control_copies import COPY_FACTORS

    layers = snapshot.visible_layers
    label = snapshot.labels[snapshot.adapters.index(comparison.adapter)]
    weights, divergence = (
        in_visible_layers(snapshot, frozen(values.tolist()))
        for values in (comparison.weights_LC, comparison.divergence_LC)
    )
    columns = [
        label,
        *(say(copy.capitalize()) + f" (×{by:.0f})" for copy, by in COPY_FACTORS.items()),
    ]
    cells = [
        [
            joined("  (", (text.fixed(weight), text.number(value))) + ")"
            for weight, value in zip(*both, strict=True)
        ]
        for both in zip(weights, divergence, strict=True)
    ]
    hover = [
        [
            joined(
                "\n",
                (
                    say("layer {layer} · {adapter}", layer=layer, adapter=column),
                    say("weight {weight}", weight=text.fixed(weight, 4)),
                    joined(" ", (say("divergence"), text.number(value)))
                    + snapshot.view_settings.unit,
                ),
            )
            for column, weight, value in zip(columns, *both, strict=True)
        ]
        for layer, *both in zip(layers, weights, divergence, strict=True)
    ]
    sentences = _findings(snapshot, comparison, label)
    if snapshot.view_settings.reads_every_token:
        sentences.append(say("The copies are read at the last token of the query."))
    figure = heatmaps.grid(weights, columns, hover, cells, scale="weights", first=layers.start)
    table = Table.of(say("Layer"), columns, [str(layer) for layer in layers], cells)
    title = say("{adapter} beside copies of itself", adapter=label)
    legend = say("Each cell shows the weight and, where there is room, the divergence in brackets.")
    return ChartsPanel(
        f"{snapshot.number}-{comparison.adapter}-copies",
        (Chart(title, joined(" ", sentences), figure, table),),
        (*sentences, legend),
        _FILES,
    )


def _findings(snapshot: Snapshot, comparison: CopyComparison, label: str) -> list[str]:
    """The comparison in words, over the layers that the page shows."""
    shown = slice(snapshot.visible_layers.start, snapshot.visible_layers.stop)
    own, zero, twin, doubled = comparison.weights_LC[shown].mean(dim=0).tolist()
    ratio_L = comparison.doubled_ratio_L[shown]
    ratio_L = ratio_L[~ratio_L.isnan()].sort().values
    if not len(ratio_L):
        said = "{adapter} does not change the base here, so all copies have equal weights."
        return [say(said, adapter=label)]
    same = (
        say("exactly the same divergence as the adapter")
        if comparison.duplicate_error == 0
        else say(
            "the same divergence as the adapter (relative difference at most {error})",
            error=text.number(comparison.duplicate_error),
        )
    )
    least, middle, most = (
        text.number(float(ratio_L[place])) for place in (0, len(ratio_L) // 2, -1)
    )
    times = say(
        "{middle} times the adapter's own (median over the layers; {least} to {most})",
        middle=middle,
        least=least,
        most=most,
    )
    size = (
        say(
            "The doubled copy has no new knowledge, but its divergence is {times}, and its mean "
            "weight is {weight}: a divergence measures the size of an adapter as well as its "
            "relevance.",
            times=times,
            weight=text.fixed(doubled),
        )
        if float(ratio_L.median()) > 1
        else say(
            "The doubled copy changes the base no more than the adapter: its divergence is "
            "{times}.",
            times=times,
        )
    )
    return [
        say(
            "The zero copy adds nothing: its divergence is {divergence} in every layer, and its "
            "mean weight is {weight}.",
            divergence=text.number(comparison.zero_divergence),
            weight=text.fixed(zero),
        ),
        say(
            "The duplicate has {same}. Adapter and duplicate together get a mean weight of {both}, "
            "{own} each.",
            same=same,
            both=text.fixed(own + twin),
            own=text.fixed(own),
        ),
        size,
    ]
