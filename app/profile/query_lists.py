"""The lists of queries that come with the page: the task files, and the neutral queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.measure.profile.queries import read_queries
from app.widgets import text

_ASSETS = Path(__file__).resolve().parents[2] / "assets"
_LANGUAGES = {"en": "English", "es": "Spanish", "ru": "Russian", "zh": "Chinese"}
_WORDS = {
    "math": "mathematics",
    "medical": "medicine",
    "dev": "(development)",
    "test": "(test)",
}


@dataclass(frozen=True)
class QueryList:
    """A list of queries.

    Attributes:
        label: For the choice.
        path: Its file.
    """

    label: str
    path: Path


def query_lists() -> Mapping[str, QueryList]:
    """The lists by name; the word problems, which are the shortest, come first."""
    paths = sorted(
        (_ASSETS / "tasks").glob("*.jsonl"), key=lambda path: ("word" not in path.stem, path.stem)
    )
    found = {path.stem: QueryList(_label(path.stem), path) for path in paths}
    neutral = QueryList("Everyday questions of no domain", _ASSETS / "neutral_queries.txt")
    return {**found, "neutral": neutral}


def in_words(listed: QueryList) -> str:
    """How many queries a list has, and how it begins."""
    queries = read_queries(listed.path)
    first = text.short(text.plain(queries[0].text), 110)
    return f"{len(queries)} queries, such as “{first}”"


def _label(stem: str) -> str:
    """A label such as `Spanish mathematics (test)`, from the name of a file."""
    lang, *rest = stem.split("_")
    return " ".join([_LANGUAGES.get(lang, lang), *(_WORDS.get(word, word) for word in rest)])
