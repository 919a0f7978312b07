"""Texts of lessons and of the Learn tab in several languages."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from analysis.common.errors import InputError
from app.learn.questions import QUESTIONS
from app.learn.toml_file import Place, TomlFile, leaves
from app.widgets.panels import ASSETS

INTERFACE = ASSETS / "learn"
ENGLISH = "en"
COMMON = ("question", "adapter", "collection", "count")
"""The names that every text of a lesson may have in braces."""

Texts: TypeAlias = Mapping[str, Any]
"""Texts by name, in nested tables."""

_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NAMES = re.compile(r"\{([^{}]*)\}")
_WHOLE = ("title", "summary", "idea", "figure", "explain", "answer", "further")
"""The texts of a lesson beside those of its questions."""


def load_texts(folder: Path, ignored: tuple[str, ...] = ()) -> dict[str, TomlFile]:
    """The files of texts in a folder, by language.

    Raises:
        InputError: A file cannot be read, has no language's name, or English is missing.
    """
    files = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name in ignored:
            continue
        if not _CODE.fullmatch(path.stem):
            raise InputError(f"{path} has no language's name: call it by a code such as es.toml.")
        files[path.stem] = TomlFile(path)
    if ENGLISH not in files:
        raise InputError(f"{folder} lacks {ENGLISH}.toml: other languages fall back to it.")
    return files


def load_interface(folder: Path = INTERFACE) -> dict[str, Texts]:
    """The tab's own texts by language; each is whole.

    Raises:
        InputError: A file has a mistake; the message says file and line.
    """
    files = load_texts(folder)
    for language, file in files.items():
        file.value(("language",), str)
        if language != ENGLISH:
            _check_against(file, files[ENGLISH])
    return whole(files)


def whole(files: Mapping[str, TomlFile]) -> dict[str, Texts]:
    """The texts by language, in English where a language lacks them."""
    english = files[ENGLISH].content
    return {language: _filled(file.content, english) for language, file in files.items()}


def _filled(content: Mapping[str, Any], english: Mapping[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = copy.deepcopy(dict(english))
    for key, value in content.items():
        known = english.get(key)
        filled[key] = _filled(value, known) if isinstance(known, Mapping) else value
    return filled


def _check_against(file: TomlFile, english: TomlFile) -> None:
    """Refuses texts that English lacks, or whose parts in braces or lists differ."""
    own, others = leaves(file.content), leaves(english.content)
    for place, value in own.items():
        if place not in others:
            raise file.error(place, "is not among the English texts: take it away")
        other = others[place]
        if type(value) is not type(other) or (isinstance(value, list) and len(value) != len(other)):
            raise file.error(place, "has another form than the English text: write it alike")
        _check_names(file, place, value, set(_NAMES.findall(str(other))))


def _check_names(file: TomlFile, place: Place, value: Any, known: Iterable[str]) -> None:
    for name in _NAMES.findall(str(value)):
        if name not in known:
            raise file.error(
                place, f"names {{{name}}}: take some of {', '.join(sorted(known)) or 'none'}"
            )


def check_texts(file: TomlFile, asks: Iterable[str], *, complete: bool) -> None:
    """Checks the texts of a lesson.

    Args:
        file: The texts in one language.
        asks: Names of the questions of the lesson.
        complete: Whether every text must be there.

    Raises:
        InputError: There is a mistake; the message says file and line.
    """
    asks = tuple(dict.fromkeys(asks))
    file.check_keys((), (*_WHOLE, "ask"))
    file.check_keys(("ask",), asks)
    for key in _WHOLE:
        if complete or key in file.content:
            _check_names(file, (key,), file.value((key,), str), COMMON)
    for ask in asks:
        if complete or ask in file.content.get("ask", {}):
            _check_ask(file, ask, complete)


def _check_ask(file: TomlFile, ask: str, complete: bool) -> None:
    question, place = QUESTIONS[ask], ("ask", ask)
    choices = (*question.choices, *question.more_choices)
    file.check_keys(place, ("question", "hints", "choices", "said", "misconceptions"))
    file.check_keys((*place, "choices"), choices)
    file.check_keys((*place, "said"), question.said)
    file.check_keys((*place, "misconceptions"), (*choices, "any"))
    known = {*COMMON, *question.facts}
    if complete:
        file.value((*place, "question"), str)
        for choice in choices:
            file.value((*place, "choices", choice), str)
        for key in question.said:
            file.value((*place, "said", key), str)
    own = file.content.get("ask", {}).get(ask, {})
    if complete or "hints" in own:
        file.texts((*place, "hints"), () if question.before else None)
    for at, value in leaves(own, place).items():
        _check_names(file, at, value, known)
