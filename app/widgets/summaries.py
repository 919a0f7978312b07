"""Results of a grid in sentences: leaders, means, differences, and layers that say nothing."""

from __future__ import annotations

from collections.abc import Sequence

from app.widgets.text import layers, listed, number, percent, signed, spans
from app.widgets.words.said import joined, say

# Two shares closer than this look the same in the grid.
_CLOSE_CALL = 0.02


def leaders(
    weights: Sequence[Sequence[float]],
    labels: Sequence[str],
    numbers: Sequence[int],
    *,
    with_means: bool = True,
) -> str:
    """Which adapter leads in which layers, and the mean weight of each adapter.

    Args:
        weights: `[layers][adapters]`, each layer summing to 1.
        labels: The adapters' labels.
        numbers: The layers' numbers.
        with_means: Whether to add the mean weights.
    """
    if not numbers:
        return say(
            "The model is certain in every layer that is shown, so these shares mean nothing."
        )
    if len(labels) == 1:
        return say(
            "{adapter} is the only adapter, so its weight is 1 in every layer.", adapter=labels[0]
        )
    led: dict[int, list[int]] = {}
    close = []
    for layer, row in zip(numbers, weights, strict=True):
        most, second = sorted(row, reverse=True)[:2]
        if most - second < _CLOSE_CALL:
            close.append(layer)
        else:
            led.setdefault(row.index(most), []).append(layer)
    parts = [
        say("{adapter} leads in {layers}", adapter=labels[adapter], layers=layers(where))
        for adapter, where in sorted(led.items(), key=lambda item: -len(item[1]))
    ]
    if close:
        parts.append(
            say("no adapter leads clearly in {layers}", layers=layers(close))
            if led
            else say("No adapter leads clearly")
        )
    said = joined("; ", parts) + "."
    return joined(" ", (said, mean_weights(weights, labels))) if with_means else said


def mean_weights(weights: Sequence[Sequence[float]], labels: Sequence[str]) -> str:
    """The mean weight of each adapter over some layers, the largest first."""
    means = averages(weights)
    order = sorted(range(len(labels)), key=lambda adapter: -means[adapter])
    shares = joined(
        ", ", (joined(" ", (labels[adapter], percent(means[adapter]))) for adapter in order)
    )
    return say("Mean weight over the layers: {shares}.", shares=shares)


def averages(weights: Sequence[Sequence[float]]) -> list[float]:
    """Each adapter's weight, averaged over the layers."""
    return [sum(column) / len(weights) for column in zip(*weights, strict=True)]


def _cells(
    values: Sequence[Sequence[float]], labels: Sequence[str], numbers: Sequence[int]
) -> list[tuple[float, int, str]]:
    """Each number with its layer and its adapter's label."""
    return [
        (value, layer, label)
        for layer, row in zip(numbers, values, strict=True)
        for value, label in zip(row, labels, strict=True)
    ]


def movers(
    values: Sequence[Sequence[float]], labels: Sequence[str], unit: str, numbers: Sequence[int]
) -> str:
    """Which adapter changes the base most, which least, and in which layers.

    Args:
        values: `[layers][adapters]`, divergences.
        labels: The adapters' labels.
        unit: The unit of a divergence, after a space.
        numbers: The layers' numbers.
    """
    cells = _cells(values, labels, numbers)
    (least, low, quiet), (most, high, loud) = min(cells), max(cells)
    if most == 0:
        return say("No adapter changes the base here.")
    return say(
        "{loud} changes the base most: {most} in layer {high}. {quiet} changes it least: {least} "
        "in layer {low}.",
        loud=loud,
        most=number(most) + unit,
        high=high,
        quiet=quiet,
        least=number(least) + unit,
        low=low,
    )


def focus(shown: range, count: int) -> str:
    """Which layers are shown; empty if all are."""
    if len(shown) == count:
        return ""
    return say(
        "Only {layers} of {count} are shown. Sentences, means and files leave out the rest.",
        layers=layers(shown),
        count=count,
    )


def changes(
    values: Sequence[Sequence[float]], labels: Sequence[str], before: str, numbers: Sequence[int]
) -> str:
    """The three largest differences.

    Args:
        values: `[layers][adapters]`, the new less the old.
        labels: The adapters' labels.
        before: Name of the old.
        numbers: The layers' numbers.
    """
    if not numbers:
        return say(
            "The model is certain in every layer that is shown, so the difference from {before} "
            "means nothing.",
            before=before,
        )
    cells = _cells(values, labels, numbers)
    largest = sorted(cells, key=lambda cell: -abs(cell[0]))[:3]
    if abs(largest[0][0]) < 0.005:
        return say("No weight differs from {before}.", before=before)
    words = [
        say("{adapter} {change} in layer {layer}", adapter=label, change=signed(value), layer=layer)
        for value, layer, label in largest
    ]
    return say("Largest differences from {before}: {list}.", before=before, list=listed(words))


def saturation(where: Sequence[int], lenses: Sequence[str]) -> str:
    """In which layers shares mean nothing, because a lens saturates; empty if in none.

    Args:
        where: The layers where the base gives one token more than 99.99 %.
        lenses: The names of the lenses.
    """
    if not where:
        return ""
    names = listed([say(name) for name in dict.fromkeys(lenses)])
    named = say("Layer {number}", number=where[0])
    if len(where) > 1:
        named = say("Layers {numbers}", numbers=spans(where))
    return say(
        "{layers}: the model is certain here, shares mean nothing. The {names} lens gives one "
        "token more than 99.99% there. Hatched cells are left out of the sentence and the means.",
        layers=named,
        names=names,
    )
