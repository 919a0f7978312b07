"""Text for readers: one escape function, numbers, and lists."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from app.widgets.words.said import Numeral, Said, joined, say

# What Plotly reads as markup in labels and hover text.
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_WHITE = {" ": "·", "\n": "↵", "\t": "⇥"}
_JOINERS = "\u200c\u200d"
# A path with folders, such as `/home/ann/base` or `C:\models\base`; no address of the web.
_PATH = re.compile(r"""(?<![\w/\\.~:])(?:~|[A-Za-z]:)?(?:[\\/][^\s\\/,;:'"()<>`]+){2,}[\\/]*""")


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


def without_folders(text: str) -> str:
    """A text in which a path on this machine is the name of its last part: visitors see no other.

    A path with a white space ends there.
    """
    if isinstance(text, Said):
        return text.mapped(without_folders)
    return _PATH.sub(lambda path: re.split(r"[\\/]+", path[0].rstrip("\\/"))[-1], text)


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
    sign, size = "−" if value < 0 else "", abs(value)
    # The bounds are those of the rounded numbers: 0.00996 is 0.010, and 999.7 is 1.0·10³.
    if 0.9995 <= size < 999.5:
        return Numeral(sign + f"{size:#.3g}".removesuffix("."))
    if 0.00995 <= size < 0.9995:
        return Numeral(f"{sign}{size:.3f}")
    mantissa, exponent = f"{size:.1e}".split("e")
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
    """A share as a percentage, the same way everywhere, without a space and with a true minus."""
    return Numeral(f"{fixed(100 * share, digits)}%")


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
