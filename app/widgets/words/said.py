"""Texts that know how they are made, so that the browser can say them in the visitor's language.

A `Said` is its English text, and everything that reads text takes it for that. To the browser it
goes as the English pattern with what stands in its braces; `assets/js/page/words.js` looks the
pattern up in the dictionary of the visitor's language. A `Numeral` goes as its English form, and
gets the decimal sign of that language there. So the server knows no visitor's language,
and a visitor changes it without a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from analysis.common.texts.said import Numeral, Said, capital, filled, joined, names, say, spoken

__all__ = ["Numeral", "Said", "capital", "filled", "joined", "names", "say", "sent", "spoken"]


def sent(value: object) -> Any:
    """A value as the browser takes it: plain data, in which every `Said` is still to be said.

    Args:
        value: Plain data; frozen dataclasses become objects with their fields.
    """
    if isinstance(value, Numeral):
        return {"numeral": str(value)}
    if isinstance(value, Said):
        if value.parts:
            return {"said": [sent(part) for part in value.parts]}
        facts = {name: sent(fact) for name, fact in value.facts.items()}
        return {"say": value.pattern, "facts": facts} if facts else {"say": value.pattern}
    if isinstance(value, Mapping):
        return {key: sent(one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: sent(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (list, tuple)):
        return value if _numbers(value) else [sent(one) for one in value]
    return value


def _numbers(values: list[Any] | tuple[Any, ...]) -> bool:
    """Whether these are numbers alone, of which a figure has many."""
    return all(type(one) in (float, int) for one in values)
