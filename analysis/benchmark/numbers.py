"""Numbers in answers, as the answer's language writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPACES = "\u00a0\u202f\u2009"
_NUMBER = re.compile(
    rf"(?<![\w.,])[-−]?\d+(?:[.,{_SPACES}]\d+|(?<=\d) (?=\d{{3}}(?!\d))\d{{3}})*"
    rf"|\d+(?:[.,]\d+)*"
)


@dataclass(frozen=True)
class _Writing:
    """How a language writes numbers.

    Attributes:
        decimal: The sign before decimals.
        thousands: The signs between groups of three digits.
    """

    decimal: str
    thousands: str


_POINT = _Writing(decimal=".", thousands=",")
_COMMA = _Writing(decimal=",", thousands="." + _SPACES + " ")
_LANGUAGES = dict.fromkeys(("de", "es", "fr", "it", "pt", "ru"), _COMMA)


def final_number(text: str, language: str = "en") -> float | None:
    """The last number in an answer; None where the answer has none.

    In English and Chinese "1,200" is twelve hundred and "3.5" three and a half; in Spanish,
    Russian, German, French, Italian and Portuguese "1.200" and "1 200" are twelve hundred and
    "3,5" is three and a half. A sign that cannot separate thousands, as in "3.5" in Spanish or
    "3,5" in English, is read as the decimal sign: small models mix the two.

    Args:
        text: The answer.
        language: Code of the answer's language.
    """
    found = _NUMBER.findall(text)
    return _value(found[-1], _LANGUAGES.get(language, _POINT)) if found else None


def is_number(text: str, answer: float, language: str = "en") -> bool:
    """Whether the last number in an answer is the right one."""
    number = final_number(text, language)
    return number is not None and abs(number - answer) < 1e-6


def _value(written: str, writing: _Writing) -> float:
    thousands = f"[{re.escape(writing.thousands)}]"
    written = written.replace("−", "-")
    grouped = rf"-?\d{{1,3}}(?:{thousands}\d{{3}})+(?:{re.escape(writing.decimal)}\d+)?"
    if re.fullmatch(grouped, written):
        written = re.sub(thousands, "", written)
    whole, *decimals = re.split(rf"[.,{_SPACES} ]", written)
    return float(".".join([whole, "".join(decimals)]) if decimals else whole)
