"""Text for readers: one escape function, and results in words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from app.widgets.words.said import Numeral, Said, joined, say

# What Plotly reads as markup in labels and hover text.
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_WHITE = {" ": "·", "\n": "↵", "\t": "⇥"}
_JOINERS = "\u200c\u200d"
# Two shares closer than this look the same in the grid.
_CLOSE_CALL = 0.02


def visible(text: str) -> str:
    """A token's text with its white space and its control characters made visible.

    A space becomes `·`, a line break `↵` and a tab `⇥`. Characters that act invisibly (control
    characters, direction marks, a joiner on its own) become their code point, as in `⟨200F⟩`.
    """
    alone = len(text) == 1
    return "".join(
        _WHITE.get(character) or _named(character, ("Zs", "Zl", "Zp"), alone) for character in text
    )


def safe(text: str) -> str:
    """Text that Plotly shows literally: no markup, no invisible characters.

    The only escape function of the page. Panels that use `textContent` need none.
    """
    if isinstance(text, Said):
        return text.mapped(safe)
    return plain(text).translate(_MARKUP)


def plain(text: str) -> str:
    """A label as one line without invisible characters."""
    if isinstance(text, Said):
        return text.mapped(plain)
    return "".join(_named(character, ("Zl", "Zp"), False) for character in text)


def _named(character: str, also: tuple[str, ...], alone: bool) -> str:
    if character in _JOINERS and not alone:
        return character  # a part of an emoji, or of a word in Persian or Hindi
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", *also):
        return f"⟨{ord(character):04X}⟩"
    return character


def short(text: str, most: int = 24) -> str:
    """Text of at most `most` characters; longer text loses its middle."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[len(text) - half :]}"


def number(value: float) -> str:
    """A number with two to three significant digits; very small numbers get a power of ten."""
    if value == 0:
        return "0"
    sign = "−" if value < 0 else ""
    if 0.01 <= abs(value) < 1000:
        return Numeral(sign + (f"{abs(value):.3f}" if abs(value) < 1 else f"{abs(value):.3g}"))
    mantissa, exponent = f"{abs(value):.1e}".split("e")
    return Numeral(f"{sign}{mantissa}·{power(int(exponent))}")


def digits(value: float, most: int) -> str:
    """A number with at most some significant digits, and no zeros at its end."""
    return Numeral(f"{value:.{most}g}".replace("-", "−"))


def fixed(value: float, digits: int = 2) -> str:
    """A number with a fixed number of digits, a true minus, and no sign where it rounds to 0."""
    return Numeral(signed(value, digits).removeprefix("+"))


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign, a true minus; no sign where it rounds to 0."""
    written = f"{value:+.{digits}f}"
    return Numeral(written[1:] if float(written) == 0 else written.replace("-", "−"))


def percent(share: float, digits: int = 0) -> str:
    """A share from 0 to 1 as a percentage, the same way everywhere and without a space."""
    return Numeral(f"{100 * share:.{digits}f}%")


def spread(mean: float, deviation: float) -> str:
    """A mean and its standard deviation: `0.35 ± 0.02`."""
    return joined(" ± ", (fixed(mean), fixed(deviation)))


def power(exponent: int) -> str:
    """A power of ten: `10⁻³`."""
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def spans(numbers: Sequence[int]) -> str:
    """Whole numbers as ranges: `0–3, 7 and 9`."""
    parts: list[tuple[int, int]] = []
    for value in sorted(numbers):
        if parts and value == parts[-1][1] + 1:
            parts[-1] = (parts[-1][0], value)
        else:
            parts.append((value, value))
    return listed([str(first) if first == last else f"{first}–{last}" for first, last in parts])


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence: `a, b and c`."""
    if len(words) < 2:
        return joined("", words)
    return say("{first} and {last}", first=joined(", ", words[:-1]), last=words[-1])


def layers(numbers: Sequence[int]) -> str:
    """`layer 3` or `layers 3–5 and 9`."""
    if len(numbers) == 1:
        return say("layer {number}", number=numbers[0])
    return say("layers {numbers}", numbers=spans(numbers))


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
