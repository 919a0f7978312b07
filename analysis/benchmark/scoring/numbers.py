"""Numbers in answers, as the answer's language writes them."""

from __future__ import annotations

import re

# Spaces and apostrophes that languages put between groups of three digits.
_SPACES = " \u00a0\u202f\u2009"
_APOSTROPHES = "'\u2019"
# Languages whose decimal sign is a comma, by Unicode's CLDR.
_COMMA_LANGUAGES = (
    "af", "az", "be", "bg", "br", "bs", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fo",
    "fr", "gl", "hr", "hu", "hy", "id", "is", "it", "ka", "kk", "ky", "lb", "lt", "lv", "mk", "nb",
    "nl", "nn", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "tr", "tt", "uk", "uz",
    "vi",
)  # fmt: skip
# Regions of these languages whose decimal sign is a point.
_POINT_REGIONS = {
    "de": ("ch", "li"),
    "es": ("cu", "do", "gt", "hn", "mx", "ni", "pa", "pe", "pr", "sv", "us"),
    "it": ("ch",),
}
_FIRST_GROUP = r"[1-9]\d{0,2}"


def final_number(text: str, language: str = "en") -> float | None:
    """The last number in an answer; None where the answer has none.

    In English and Chinese "1,200" is twelve hundred and "3.5" three and a half; in languages with a
    decimal comma, such as Spanish and Russian, "1.200" and "1 200" are twelve hundred and "3,5" is
    three and a half. A sign that cannot be the language's own, as in "3.5" or "1,200.50"
    in Spanish, is read as another language writes it: small models mix the two.

    In every language a space (plain, no-break or thin) or an apostrophe joins one to three digits,
    of which the first is not 0, with the groups of exactly three digits after them: "10 000" and
    "5'000" are ten and five thousand. More digits before a space make two numbers: "2024 300".

    Args:
        text: The answer.
        language: Code of the answer's language, such as `es` or `es-MX`.
    """
    comma = _has_comma(language)
    digits = rf"\d+(?:[.,]\d+|[{_SPACES}{_APOSTROPHES}]\d{{3}}(?!\d))*"
    found = re.findall(rf"(?<![\w.,])[-−]?{digits}|{digits}", text)
    if not found:
        return None
    # Numbers beside each other look like one: "2024 300" holds two, and "3,4,5" a list.
    parts = re.split(f"[{_SPACES}{_APOSTROPHES}]", found[-1])
    ends = [" ".join(parts[place:]) for place in range(len(parts))]
    for written in (*ends, re.split("[.,]", parts[-1])[-1]):
        value = _value(written.replace("−", "-"), comma)
        if value is not None:
            return value
    return None


def is_number(text: str, answer: float, language: str = "en") -> bool:
    """Whether the last number in an answer is the right one."""
    number = final_number(text, language)
    return number is not None and abs(number - answer) < 1e-6


def _has_comma(code: str) -> bool:
    """Whether a language, in the region that its code may name, has a decimal comma."""
    language, *rest = code.replace("_", "-").lower().split("-")
    point = set(rest) & set(_POINT_REGIONS.get(language, ()))
    return language in _COMMA_LANGUAGES and not point


def _value(written: str, comma: bool) -> float | None:
    """The value of a number whose spaces are plain; None where the text is not one number."""
    decimal, thousands = (",", ".") if comma else (".", ",")
    sign = "-" if written.startswith("-") else ""
    digits = written.removeprefix("-")
    for separator in (" ", thousands):
        if re.fullmatch(
            rf"{_FIRST_GROUP}(?:{re.escape(separator)}\d{{3}})+(?:{re.escape(decimal)}\d+)?", digits
        ):
            return float(sign + digits.replace(separator, "").replace(decimal, "."))
    # The decimal sign as another language's thousands: more than one group, or decimals after it.
    groups = rf"(?:{re.escape(decimal)}\d{{3}})"
    rest = rf"(?:{groups}+{re.escape(thousands)}\d+|{groups}{{2,}})"
    if re.fullmatch(_FIRST_GROUP + rest, digits):
        return float(sign + digits.replace(decimal, "").replace(thousands, "."))
    if re.fullmatch(r"\d+(?:[.,]\d+)?", digits):
        return float(sign + digits.replace(",", "."))
    return None
