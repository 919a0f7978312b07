"""Dictionaries: the page's words in other languages, from `assets/words`.

English is in the code. A dictionary is a TOML file named by the code of its language. `language` is
the language's own name; each table holds English texts with their translations, and the table
`glossary` what the terms of the page's glossary mean. What a dictionary lacks stays English.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError
from app.widgets.glossary import Term
from app.widgets.words.said import names

FOLDER = Path(__file__).resolve().parents[3] / "assets" / "words"

_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_OWN = ("language", "glossary")


@dataclass(frozen=True)
class Dictionary:
    """The words of one language.

    Attributes:
        language: The language's own name.
        words: The translations by their English texts.
        sentences: What terms mean, by their spellings in sentences, in lower case.
        labels: What terms mean, by the English spellings on labels, in lower case.
    """

    language: str
    words: Mapping[str, str]
    sentences: Mapping[str, str]
    labels: Mapping[str, str]


def load_dictionaries(glossary: Mapping[str, Term], folder: Path = FOLDER) -> dict[str, Dictionary]:
    """The dictionaries by the code of their language.

    Args:
        glossary: The terms in English.
        folder: The files.

    Raises:
        InputError: A file has a mistake; the message gives file and line.
    """
    return {path.stem: _load(path, glossary) for path in sorted(folder.glob("*.toml"))}


def _load(path: Path, glossary: Mapping[str, Term]) -> Dictionary:
    if not _CODE.fullmatch(path.stem):
        raise InputError(f"{path} has no language's name: call it by a code such as es.toml.")
    try:
        written = path.read_text(encoding="utf-8")
        content = tomllib.loads(written)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} cannot be used ({error}): correct it.") from error
    lines = written.splitlines()
    language = content.get("language")
    if not isinstance(language, str) or not language.strip():
        raise InputError(f"{path}, line 1: language is missing: write the language's own name.")
    words: dict[str, str] = {}
    for table, entries in content.items():
        if table in _OWN:
            continue
        if not isinstance(entries, Mapping):
            raise _mistake(path, lines, table, "is no table: write a heading such as [grid] first")
        for english, translated in entries.items():
            fault = _fault(english, translated, words)
            if fault:
                raise _mistake(path, lines, english, fault)
            words[english] = translated
    sentences: dict[str, str] = {}
    labels: dict[str, str] = {}
    for name, entry in content.get("glossary", {}).items():
        fault = _term_fault(name, entry, glossary)
        if fault:
            raise _mistake(path, lines, name, fault)
        labels |= {one.lower(): entry["text"] for one in glossary[name].spellings}
        sentences |= {one.lower(): entry["text"] for one in entry.get("also", ())}
    return Dictionary(language, words, sentences, labels)


def _fault(english: str, translated: Any, before: Mapping[str, str]) -> str:
    if english in before:
        return "stands here twice: take one away"
    if not isinstance(translated, str) or not translated.strip():
        return "has no translation: write a text in quotes"
    if names(english) != names(translated):
        known = ", ".join(sorted(f"{{{name}}}" for name in names(english))) or "none"
        return f"must have the same names in braces as the English text: {known}"
    return ""


def _term_fault(name: str, entry: Any, glossary: Mapping[str, Term]) -> str:
    if name not in glossary:
        return "is no term of the glossary: take it away"
    also = entry.get("also", []) if isinstance(entry, Mapping) else None
    texts = [entry.get("text"), *also] if isinstance(also, list) else [None]
    if not all(isinstance(one, str) and one.strip() for one in texts):
        return "needs a text, and may have a list of spellings as `also`"
    return ""


def _mistake(path: Path, lines: list[str], key: str, fault: str) -> InputError:
    """The error of an entry, with the line of its key."""
    quoted = json.dumps(key, ensure_ascii=False)
    heads = (f"{quoted} =", f"{key} =", f"[glossary.{key}]", f"[glossary.{quoted}]", f"[{key}]")
    line = next((at for at, text in enumerate(lines, 1) if text.strip().startswith(heads)), 1)
    return InputError(f"{path}, line {line}: {quoted:.80} {fault}.")
