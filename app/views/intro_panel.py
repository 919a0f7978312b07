"""The introduction: three sentences and a picture, and the texts of a tour of the page."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from analysis.common.errors import InputError
from app.widgets.words.said import say

_ASSETS = Path(__file__).resolve().parents[2] / "assets"
_PICTURE = _ASSETS / "intro.svg"
_TOUR = _ASSETS / "tour"
_ENGLISH = "en"

TourTexts: TypeAlias = Mapping[str, Any]
"""The texts of the tour in one language by name; those of its steps under `steps`."""

_SENTENCES = (
    say("An adapter is a small addition to a base model for one skill, such as a language."),
    say("The grid shows how much each adapter changes the model in each layer, for your question."),
    say("qa-FLoRA gives an adapter more weight where it changes more. Its answer stands above."),
)


@dataclass(frozen=True)
class IntroPanel:
    """The introduction.

    Attributes:
        sentences: What the page is about.
        picture: A drawing of it, as SVG.
        tour: The texts of the tour by language; each is whole.
        paper: The address of the method's paper.
        paper_label: The text of the link to it.
        method: Name of the method in the list of methods.
        method_label: The text of the button that leads there.
    """

    sentences: tuple[str, ...]
    picture: str
    tour: Mapping[str, TourTexts]
    paper: str = "https://arxiv.org/abs/2512.11366"
    paper_label: str = say("Paper")
    method: str = "qa-flora"
    method_label: str = say("Method")


def intro_panel() -> IntroPanel:
    """The introduction to the page.

    Raises:
        InputError: A file of the tour has a mistake.
    """
    return IntroPanel(_SENTENCES, _PICTURE.read_text(encoding="utf-8"), tour_texts())


def tour_texts(folder: Path = _TOUR) -> dict[str, TourTexts]:
    """The texts of the tour by language; what a language lacks is English.

    Args:
        folder: One TOML file for each language.

    Raises:
        InputError: A file is not TOML, or has a text that English lacks; or English is missing.
    """
    texts: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            texts[path.stem] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path} is not valid TOML: {error}.") from error
    if _ENGLISH not in texts:
        raise InputError(f"{folder} lacks {_ENGLISH}.toml: other languages fall back to it.")
    english = texts[_ENGLISH]
    for language, own in texts.items():
        for table, known in ((own, english), (own.get("steps", {}), english["steps"])):
            for key, value in table.items():
                if type(value) is not type(known.get(key)):
                    where = folder / f"{language}.toml"
                    raise InputError(f"{where}: {key!r} is not as in English: correct or remove it")
    return {
        language: {**english, **own, "steps": {**english["steps"], **own.get("steps", {})}}
        for language, own in texts.items()
    }
