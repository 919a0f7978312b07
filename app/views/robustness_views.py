"""What “Is it real?” shows: the spread over variants, and an adapter beside its copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.measure.trace import MEAN
from app.state.numbers import rows
from app.state.snapshot import Snapshot
from app.views.figure_panels import View, chart, table
from app.views.grid_views import focused
from app.widgets import heatmaps, text

if TYPE_CHECKING:
    from analysis.measure.control_copies import CopyComparison
    from analysis.measure.robustness import WeightSpread


def spread(snapshot: Snapshot, found: WeightSpread, variants: Sequence[str]) -> View:
    """Weights over variants of the query: mean and spread, cells inside the noise shaded.

    Args:
        snapshot: Whose adapters they are.
        found: What was found.
        variants: The variants.
    """
    means, deviations, noise = (
        focused(snapshot, rows(values.tolist()))
        for values in (found.mean_LK, found.deviation_LK, found.within_noise_LK)
    )
    cells = [
        [f"{mean:.2f} ± {off:.2f}" for mean, off in zip(*both, strict=True)]
        for both in zip(means, deviations, strict=True)
    ]
    hover = [
        [
            f"layer {layer} · {label}\n{cell}" + ("\nwithin the noise" if quiet else "")
            for label, cell, quiet in zip(snapshot.labels, said, quiets, strict=True)
        ]
        for layer, said, quiets in zip(snapshot.shown, cells, noise, strict=True)
    ]
    within = sum(sum(row) for row in noise)
    said = (
        f"{within:.0f} of {len(cells) * snapshot.width} cells are within the noise and shaded: "
        "their mean is nearer to an equal share than they spread."
    )
    title = f"Mean and spread over {len(variants)} variants"
    figure = heatmaps.grid(
        means,
        snapshot.labels,
        hover,
        cells,
        scale="weights",
        first=snapshot.shown.start,
        veiled_cells=[
            (layer, place)
            for layer, row in zip(snapshot.shown, noise, strict=True)
            for place, quiet in enumerate(row)
            if quiet
        ],
    )
    told = [
        [f"{cell}, noise" if quiet else cell for cell, quiet in zip(*both, strict=True)]
        for both in zip(cells, noise, strict=True)
    ]
    numbers = table("Layer", snapshot.labels, [str(layer) for layer in snapshot.shown], told)
    return {
        "id": f"{snapshot.number}-spread-{len(variants)}",
        "said": [
            said,
            "Tried: " + text.listed([f"“{text.visible(one)}”" for one in variants]) + ".",
        ],
        "charts": [chart(title, f"{title}. {said}", figure, numbers)],
    }


def sanity(snapshot: Snapshot, found: CopyComparison) -> View:
    """One adapter beside its zero, duplicate and doubled copies.

    Args:
        snapshot: What is shown of the run.
        found: What was found.
    """
    from analysis.measure.control_copies import COPY_FACTORS

    label = snapshot.labels[snapshot.adapters.index(found.adapter)]
    weights, divergence = (
        focused(snapshot, rows(values.tolist()))
        for values in (found.weights_LC, found.divergence_LC)
    )
    heads = [label, *(f"{copy.capitalize()} (×{by:.0f})" for copy, by in COPY_FACTORS.items())]
    cells = [
        [f"{weight:.2f}  ({text.number(value)})" for weight, value in zip(*both, strict=True)]
        for both in zip(weights, divergence, strict=True)
    ]
    hover = [
        [
            f"layer {layer} · {head}\nweight {weight:.4f}\n"
            f"divergence {text.number(value)}{snapshot.view_settings.unit}"
            for head, weight, value in zip(heads, *both, strict=True)
        ]
        for layer, *both in zip(snapshot.shown, weights, divergence, strict=True)
    ]
    said = _lessons(snapshot, found, label)
    if snapshot.view_settings.position == MEAN:
        said.append("Copies are read at the query's last token, not over all of them.")
    figure = heatmaps.grid(
        weights, heads, hover, cells, scale="weights", first=snapshot.shown.start
    )
    numbers = table("Layer", heads, [str(layer) for layer in snapshot.shown], cells)
    title = f"{label} beside copies of itself"
    return {
        "id": f"{snapshot.number}-{found.adapter}-copies",
        "said": [
            *said,
            "On each cell: the weight, and in brackets the divergence, where there is room.",
        ],
        "charts": [chart(title, " ".join(said), figure, numbers)],
    }


def _lessons(snapshot: Snapshot, found: CopyComparison, label: str) -> list[str]:
    """What the copies teach, with the numbers of the layers that are shown."""
    shown = slice(snapshot.shown.start, snapshot.shown.stop)
    own, zero, twin, doubled = found.weights_LC[shown].mean(dim=0).tolist()
    ratio_L = found.doubled_ratio_L[shown]
    ratio_L = ratio_L[~ratio_L.isnan()].sort().values
    if not len(ratio_L):
        return [f"{label} moves nothing here, and so do its copies: all share alike."]
    twins = (
        "exactly the same divergence"
        if found.duplicate_error == 0
        else f"the same divergence (at most {text.number(found.duplicate_error)} of it apart)"
    )
    least, middle, most = (
        text.number(float(ratio_L[place])) for place in (0, len(ratio_L) // 2, -1)
    )
    times = f"{middle} times the adapter's own (median over the layers, {least} to {most})"
    size = (
        f"Doubled says nothing new, yet its divergence is {times}, and it takes {doubled:.2f} of "
        "the weight: a divergence measures an adapter's size as well as its relevance."
        if float(ratio_L.median()) > 1
        else f"Doubled moves the base no farther here: its divergence is {times}."
    )
    return [
        f"Zero adds nothing: its divergence is {text.number(found.zero_divergence)} in every "
        f"layer, and so is its weight ({zero:.2f}).",
        f"The duplicate has {twins}, so one voice counted twice takes {own + twin:.2f} of the "
        f"weight on average, {own:.2f} each.",
        size,
    ]
