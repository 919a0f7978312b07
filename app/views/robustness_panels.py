"""The robustness checks: the spread over variants of a query, and an adapter beside its copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.measure.trace import MEAN
from app.state.snapshot import Snapshot, frozen
from app.views.charts_panel import Chart, ChartsPanel, Table
from app.views.grid.grid_views import in_visible_layers
from app.widgets import heatmaps, text

if TYPE_CHECKING:
    from analysis.measure.checks.control_copies import CopyComparison
    from analysis.measure.checks.robustness import WeightSpread


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
        [f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in zip(*both, strict=True)]
        for both in zip(means, deviations, strict=True)
    ]
    hover = [
        [
            f"layer {layer} · {label}\n{cell}" + ("\nwithin the noise" if is_noise else "")
            for label, cell, is_noise in zip(snapshot.labels, written, noisy_row, strict=True)
        ]
        for layer, written, noisy_row in zip(layers, cells, noise, strict=True)
    ]
    clear = len(cells) - len(certain)
    count = sum(sum(row) for row in noise)
    sentence = (
        f"{count} of {clear * snapshot.width} cells are hatched, because they are within "
        "the noise: their mean differs from an equal share by less than their spread."
    )
    certainty = text.saturation(certain, [snapshot.view_settings.lens])
    title = f"Mean and spread over {len(variants)} variants"
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
        hatched="within the noise" + (", or certain" if certain else ""),
    )
    numbers = [
        [f"{cell}, noise" if is_noise else cell for cell, is_noise in zip(*pair, strict=True)]
        for pair in zip(cells, noise, strict=True)
    ]
    table = Table.of("Layer", snapshot.labels, [str(layer) for layer in layers], numbers)
    queries = text.listed([f"“{text.visible(variant)}”" for variant in variants])
    return ChartsPanel(
        f"{snapshot.number}-spread-{len(variants)}",
        (Chart(title, f"{title}. {sentence}", figure, table),),
        tuple(said for said in (sentence, certainty, f"Variants: {queries}.") if said),
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
    columns = [label, *(f"{copy.capitalize()} (×{by:.0f})" for copy, by in COPY_FACTORS.items())]
    cells = [
        [f"{weight:.2f}  ({text.number(value)})" for weight, value in zip(*both, strict=True)]
        for both in zip(weights, divergence, strict=True)
    ]
    hover = [
        [
            f"layer {layer} · {column}\nweight {weight:.4f}\n"
            f"divergence {text.number(value)}{snapshot.view_settings.unit}"
            for column, weight, value in zip(columns, *both, strict=True)
        ]
        for layer, *both in zip(layers, weights, divergence, strict=True)
    ]
    sentences = _findings(snapshot, comparison, label)
    if snapshot.view_settings.position == MEAN:
        sentences.append("The copies are read at the last token of the query, not at all tokens.")
    figure = heatmaps.grid(weights, columns, hover, cells, scale="weights", first=layers.start)
    table = Table.of("Layer", columns, [str(layer) for layer in layers], cells)
    title = f"{label} beside copies of itself"
    legend = "Each cell shows the weight and, where there is room, the divergence in brackets."
    return ChartsPanel(
        f"{snapshot.number}-{comparison.adapter}-copies",
        (Chart(title, " ".join(sentences), figure, table),),
        (*sentences, legend),
    )


def _findings(snapshot: Snapshot, comparison: CopyComparison, label: str) -> list[str]:
    """The comparison in words, over the layers that the page shows."""
    shown = slice(snapshot.visible_layers.start, snapshot.visible_layers.stop)
    own, zero, twin, doubled = comparison.weights_LC[shown].mean(dim=0).tolist()
    ratio_L = comparison.doubled_ratio_L[shown]
    ratio_L = ratio_L[~ratio_L.isnan()].sort().values
    if not len(ratio_L):
        return [f"{label} does not change the base here, so all copies have equal weights."]
    same = (
        "exactly the same divergence as the adapter"
        if comparison.duplicate_error == 0
        else "the same divergence as the adapter (relative difference at most "
        f"{text.number(comparison.duplicate_error)})"
    )
    least, middle, most = (
        text.number(float(ratio_L[place])) for place in (0, len(ratio_L) // 2, -1)
    )
    times = f"{middle} times the adapter's own (median over the layers; {least} to {most})"
    size = (
        f"The doubled copy has no new knowledge, but its divergence is {times}, and its mean "
        f"weight is {doubled:.2f}: a divergence measures the size of an adapter as well as its "
        "relevance."
        if float(ratio_L.median()) > 1
        else f"The doubled copy changes the base no more than the adapter: its divergence is "
        f"{times}."
    )
    return [
        "The zero copy adds nothing: its divergence is "
        f"{text.number(comparison.zero_divergence)} in every layer, and its mean weight is "
        f"{zero:.2f}.",
        f"The duplicate has {same}. Adapter and duplicate together get a mean weight of "
        f"{own + twin:.2f}, {own:.2f} each.",
        size,
    ]
