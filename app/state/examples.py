"""The example questions that the page offers."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError
from analysis.common.limits import Owner
from analysis.models.collection import Collection
from analysis.models.own_collection import is_choice
from app.state.answer import Verdict
from app.widgets import text
from app.widgets.words.said import say

_GENERAL = Path(__file__).resolve().parents[2] / "assets" / "examples.toml"
_LANGUAGES = {"es": "Spanish", "ru": "Russian", "zh": "Chinese", "en": "English"}


@dataclass(frozen=True)
class Example:
    """An example question.

    Attributes:
        label: The text of its button.
        query: The question.
        adapters: Names of the adapters that a composite question needs; empty for other questions.
        alone: Name of the adapter that also answers alone, beside the methods.
        gloss: The question in English; empty if it is in English.
        number: The right number; None if the answer is not a number.
        language: The code of the language that a good answer has; empty if any is good.
        variants: The same question in other words.
    """

    label: str
    query: str
    adapters: tuple[str, ...] = ()
    alone: str = ""
    gloss: str = ""
    number: float | None = None
    language: str = ""
    variants: tuple[str, ...] = ()

    @property
    def knows(self) -> bool:
        """Whether it knows what is right."""
        return self.number is not None or bool(self.language)

    def verdict(self, answer: str) -> Verdict | None:
        """Whether an answer is right, by its number and its language.

        Returns:
            The verdict; None where the example does not know what is right.
        """
        from analysis.benchmark.scoring.numbers import is_number
        from analysis.benchmark.scoring.text_checks import answers_in

        faults = []
        if not self.knows:
            return None
        if self.number is not None and not is_number(answer, self.number, self.language or "en"):
            faults.append(say("wrong number"))
        if self.language:
            try:
                if not answers_in(self.language)(answer):
                    language = say(_LANGUAGES.get(self.language, self.language))
                    faults.append(say("not in {language}", language=language))
            except InputError:
                return None  # the language cannot be told here
        verdict = text.listed(faults) or say("right")
        return Verdict(not faults, verdict)

    def among(self, names: Sequence[str]) -> list[str]:
        """The adapters to ask it with: its own, or all if one of its own is missing."""
        own = [name for name in names if name in self.adapters]
        return own if own and len(own) == len(self.adapters) else list(names)


def load_examples(collection: Collection) -> tuple[Example, ...]:
    """The examples of a collection, from the `examples.toml` beside its manifest.

    Returns:
        The examples in the order of the file; empty if there is no file. A collection without a
        manifest has a few questions to begin with. Where adapters of the manifest were removed, the
        examples that name them are left out.

    Raises:
        InputError: The file is not TOML, or an example lacks a field or names an unknown adapter.
    """
    path = collection.folder / "examples.toml"
    if not path.is_file() and not collection.manifest.is_file():
        path = _GENERAL
    if not path.is_file():
        return ()
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["examples"]
        if is_choice(collection):
            entries = [entry for entry in entries if _named(entry) <= set(collection.names)]
        return tuple(_example(entry, collection, path) for entry in entries)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML ({error}): correct it.") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: each [[examples]] needs the texts label and query; one has a mistake "
            f"({error})."
        ) from error


def _named(entry: dict[str, Any]) -> set[str]:
    """The adapters that an example names."""
    return {*entry.get("adapters", ()), entry.get("alone", "")} - {""}


def _example(entry: dict[str, Any], collection: Collection, path: Path) -> Example:
    adapters, alone = tuple(entry.get("adapters", ())), entry.get("alone", "")
    for name in sorted(_named(entry)):
        if name not in collection.names:
            raise InputError(
                f"{path}: example {entry['label']!r} names the adapter {name!r}, and the "
                f"collection has {', '.join(collection.names)}."
            )
    number = entry.get("number")
    return Example(
        entry["label"],
        entry["query"],
        adapters,
        alone,
        entry.get("gloss", ""),
        None if number is None else float(number),
        entry.get("language", ""),
        tuple(entry.get("variants", ())),
    )


def owner_of(examples: Sequence[Example], query: str, visitor: Owner) -> Owner | None:
    """Whose question it is: the visitor's, unless it is an example, which is everybody's."""
    return None if example_of(examples, query) else visitor


def example_of(examples: Sequence[Example], query: str) -> Example | None:
    """The example that a question is, as it is written; None if it is none of them."""
    return next((one for one in examples if one.query.strip() == query.strip()), None)
