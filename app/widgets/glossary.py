"""The glossary: what the terms of the page mean, from `assets/glossary.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError

GLOSSARY = Path(__file__).resolve().parents[2] / "assets" / "glossary.toml"

# A term explains itself in a small box.
_LONGEST = 240
_KEYS = {
    "text": "one sentence or two",
    "also": "a list of texts",
    "labels": "a list of texts",
    "only_labels": "true or false",
}


@dataclass(frozen=True)
class Term:
    """A term of the page.

    Attributes:
        name: The term.
        text: What it means.
        also: Its other spellings.
        labels: Labels of controls that mean it.
        only_labels: Whether it is a term on labels alone, and a common word in sentences.
    """

    name: str
    text: str
    also: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    only_labels: bool = False

    @property
    def in_sentences(self) -> tuple[str, ...]:
        """The spellings that are a term in sentences."""
        return () if self.only_labels else (self.name, *self.also)

    @property
    def spellings(self) -> tuple[str, ...]:
        """All spellings, which are a term on labels."""
        return (self.name, *self.also, *self.labels)


def load_glossary(path: Path = GLOSSARY) -> Mapping[str, Term]:
    """The terms by name, in the order of the file.

    Args:
        path: The file.

    Raises:
        InputError: The file has a mistake; the message gives file and line.
    """
    written = path.read_text(encoding="utf-8")
    try:
        entries = tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML ({error}): correct it.") from error
    lines = written.splitlines()
    terms: dict[str, Term] = {}
    owners: dict[str, str] = {}
    for name, entry in entries.items():
        fault, key = _fault(entry)
        if fault:
            raise _mistake(path, lines, name, key, fault)
        terms[name] = Term(
            name,
            entry["text"],
            tuple(entry.get("also", ())),
            tuple(entry.get("labels", ())),
            entry.get("only_labels", False),
        )
        for spelling in terms[name].spellings:
            owner = owners.setdefault(spelling.casefold(), name)
            if owner != name:
                key = (
                    "" if spelling == name else "also" if spelling in terms[name].also else "labels"
                )
                fault = f"{spelling!r} is already a spelling of [{owner}]: remove one of them"
                raise _mistake(path, lines, name, key, fault)
    return terms


def tips(glossary: Mapping[str, Term]) -> dict[str, dict[str, str]]:
    """What each spelling means, by the spelling in lower case, for the page's scripts.

    Returns:
        The spellings of `sentences`, and those of `labels`.
    """
    terms = glossary.values()
    return {
        "sentences": {one.lower(): term.text for term in terms for one in term.in_sentences},
        "labels": {one.lower(): term.text for term in terms for one in term.spellings},
    }


def _fault(entry: Any) -> tuple[str, str]:
    """What is wrong with an entry and at which key; empty texts if nothing is."""
    if not isinstance(entry, dict):
        return "a term is a table with a text: write [term] above it", ""
    for key, value in entry.items():
        if key not in _KEYS:
            return f"{key!r} is unknown: the keys are {', '.join(_KEYS)}", key
        texts = [value] if key == "text" else value
        if key == "only_labels":
            fits = isinstance(value, bool)
        else:
            fits = isinstance(texts, list) and all(
                isinstance(one, str) and one.strip() for one in texts
            )
        if not fits:
            return f"{key} = {value!r} cannot be used: give {_KEYS[key]}", key
    if "text" not in entry:
        return "it has no text: say what the term means", ""
    if len(entry["text"]) > _LONGEST:
        count = len(entry["text"])
        return f"its text has {count} characters: shorten it to {_LONGEST}", "text"
    return "", ""


def _mistake(path: Path, lines: list[str], name: str, key: str, fault: str) -> InputError:
    """The error of an entry, with the line of the key, or of the term where no key is at fault."""
    heads = (f"[{name}]", f'["{name}"]', f"['{name}']")
    line = next(
        (
            number
            for number, text in enumerate(lines, 1)
            if text.strip().startswith(heads) or text.split("=")[0].strip(" \"'") == name
        ),
        1,
    )
    if key:
        line = next(
            (
                number
                for number, text in enumerate(lines[line - 1 :], line)
                if text.split("=")[0].strip(" \"'") == key
            ),
            line,
        )
    return InputError(f"{path}, line {line}: [{name}]: {fault}.")
