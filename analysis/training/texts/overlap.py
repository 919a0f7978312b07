"""Overlap of task items with training rows: a test item that was trained on shows nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from analysis.benchmark.tasks import Item, Task

GRAM = 4
"""Tokens in a row that are compared."""

# A word, a number, or one character of a script that is written without spaces.
_TOKENS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|\w+")
_DIGITS = re.compile(r"\d+")

_Gram = tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """The training row that is most like an item.

    Attributes:
        task: Name of the item's task.
        item: Id of the item.
        share: Share of the text's grams that the row has, 0 to 1.
        text: The item's text: its question, or its English twin.
        row: The row's text; empty where no row shares a gram.
    """

    task: str
    item: str
    share: float
    text: str
    row: str


def overlaps(tasks: Sequence[Task], rows: Iterable[str]) -> tuple[Overlap, ...]:
    """For each item the row that has most of its question, the most alike first.

    Texts are compared by grams of `GRAM` words (characters in Chinese and the like), without case
    and punctuation; all numbers count as the same, so that items of one template are alike. An item
    that has an English twin (`english`) is compared by both, and the larger share counts.

    Args:
        tasks: The tasks.
        rows: The training rows, each question with its answer.
    """
    texts = [
        (task, item, text, grams_of(text))
        for task in tasks
        for item in task.items
        for text in _texts(item)
    ]
    places: dict[_Gram, list[int]] = {}
    for place, (*_, grams) in enumerate(texts):
        for gram in grams:
            places.setdefault(gram, []).append(place)
    best: list[tuple[int, str]] = [(0, "")] * len(texts)
    for row in rows:
        shared: dict[int, int] = {}
        for gram in grams_of(row):
            for place in places.get(gram, ()):
                shared[place] = shared.get(place, 0) + 1
        for place, count in shared.items():
            if count > best[place][0]:
                best[place] = count, row
    found: dict[tuple[str, str], Overlap] = {}
    for (task, item, text, grams), (count, row) in zip(texts, best, strict=True):
        one = Overlap(task.name, item.id, count / len(grams) if grams else 0.0, text, row)
        key = task.name, item.id
        if key not in found or one.share > found[key].share:
            found[key] = one
    return tuple(sorted(found.values(), key=lambda one: -one.share))


def grams_of(text: str) -> set[_Gram]:
    """The grams of a text; one of all its tokens where it has fewer than `GRAM`."""
    plain = _DIGITS.sub("0", unicodedata.normalize("NFKC", text).casefold())
    tokens = _TOKENS.findall(plain)
    if not tokens:
        return set()
    last = max(1, len(tokens) - GRAM + 1)
    return {tuple(tokens[start : start + GRAM]) for start in range(last)}


def _texts(item: Item) -> Iterator[str]:
    yield item.instruction
    english = item.more.get("english")
    if isinstance(english, str) and english.strip():
        yield english
