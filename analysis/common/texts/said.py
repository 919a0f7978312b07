"""Texts that know how they are made, so that a reader may say them in another language.

A `Said` is its English text, and everything that reads text takes it for that. It keeps the pattern
and what stands in its braces, with which the page says it in the visitor's language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

_NAMES = re.compile(r"\{(\w+)\}")


class Said(str):
    """A text in English, with the pattern and the facts that it is made of.

    Attributes:
        pattern: The English text with names in braces; empty for texts that are joined.
        facts: What stands in the braces, by name.
        parts: The texts that are joined.
    """

    pattern: str
    facts: Mapping[str, str]
    parts: tuple[str, ...]

    def __new__(
        cls, pattern: str, facts: Mapping[str, str] | None = None, parts: tuple[str, ...] = ()
    ) -> Self:
        """Makes the text; `say` and `joined` are shorter."""
        own = dict(facts or {})
        text = "".join(parts) if parts else filled(pattern, own)
        said = super().__new__(cls, text)
        said.pattern, said.facts, said.parts = pattern, own, parts
        return said

    def __getnewargs__(self) -> Any:
        """Copies are made of the same parts."""
        return self.pattern, self.facts, self.parts

    def mapped(self, change: Callable[[str], str]) -> Said:
        """The text with each fact changed, such as escaped."""
        facts = {name: change(fact) for name, fact in self.facts.items()}
        return Said(self.pattern, facts, tuple(change(part) for part in self.parts))

    def __add__(self, other: str) -> str:
        """Both texts, one after the other."""
        return joined("", (self, other))

    def __radd__(self, other: str) -> str:
        """Both texts, one after the other."""
        return joined("", (other, self))


class Numeral(Said):
    """A number as English writes it; a reader may write it as another language does.

    Args:
        written: The number, such as `0.25` or `12%`.
    """

    def __new__(cls, written: str) -> Self:
        """Makes the number."""
        return super().__new__(cls, written)

    def __getnewargs__(self) -> Any:
        """Copies are made of the same text."""
        return (str(self),)

    def mapped(self, change: Callable[[str], str]) -> Said:
        """The number changed as a whole, such as escaped."""
        return Numeral(change(str(self)))


def say(pattern: str, **facts: object) -> str:
    """A text in the visitor's language; in English here.

    Args:
        pattern: The English text, with the names of facts in braces.
        facts: What stands in the braces; a fact that is said is in the visitor's language, too.
    """
    if not pattern:
        return pattern
    own = {name: fact if isinstance(fact, str) else str(fact) for name, fact in facts.items()}
    return Said(pattern, own)


def spoken(text: str) -> str:
    """A text that can be said: one that is not yet gets itself as its pattern."""
    return text if isinstance(text, Said) else say(text)


def joined(separator: str, parts: Iterable[str]) -> str:
    """Texts with a separator between them, each in the visitor's language."""
    own = tuple(parts)
    if not any(isinstance(part, Said) for part in own):
        return separator.join(own)
    spaced = [piece for part in own for piece in (separator, part)][1:]
    return Said("", parts=tuple(piece for piece in spaced if piece))


def capital(text: str) -> str:
    """A text with a capital letter at its beginning, which translations write themselves."""
    if not isinstance(text, Said) or text.parts:
        return text[:1].upper() + text[1:]
    first = _NAMES.match(text.pattern)
    if first is None:
        return Said(text.pattern[:1].upper() + text.pattern[1:], text.facts)
    return Said(text.pattern, {**text.facts, first[1]: capital(text.facts[first[1]])})


def filled(pattern: str, facts: Mapping[str, str]) -> str:
    """A pattern with its facts, in one pass: a fact may hold braces itself."""
    return _NAMES.sub(lambda match: facts.get(match[1], match[0]), pattern)


def names(pattern: str) -> set[str]:
    """The names in braces of a pattern."""
    return set(_NAMES.findall(pattern))
