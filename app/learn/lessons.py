"""Lessons: their settings and texts, from `assets/lessons`, checked when the page starts.

A lesson is a folder with a `lesson.toml` and one file of texts for each language. English is whole;
what another language lacks is shown in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.common.errors import InputError
from analysis.measure.trace import POSITIONS
from analysis.methods import methods
from app.learn.questions import QUESTIONS
from app.learn.texts import Texts, check_texts, load_texts, whole
from app.learn.toml_file import Place, TomlFile
from app.state.settings.view_settings import OF_PIN, SHOWN
from app.widgets.panels import ASSETS

FOLDER = ASSETS / "lessons"
FIGURES = ("addition", "reading", "divergence", "shares", "blend", "size")
"""The figures that move with the student's input, by their names in `assets/js`."""
STAGE = ("answers", "grid", "explanation", "copies")
"""The parts of Explore that a lesson may show."""

_ADAPTER = "{adapter}"
_FILE = "lesson.toml"
_KNOWN = {
    (): ("order", "minutes", "level", "figure", "run", "predict", "check", "further"),
    ("run",): ("methods", "tokens", "show", "position", "stage", "copies"),
    ("predict",): ("ask",),
    ("check",): ("ask",),
    ("further",): ("methods", "own_weights"),
}


@dataclass(frozen=True)
class LessonRunSettings:
    """How a lesson runs the model.

    Attributes:
        methods: The methods that answer; `{adapter}` stands for the adapter of the question.
        tokens: The longest an answer may get.
        show: What the grid shows.
        position: The position that is read; the collection's if empty.
        stage: The parts of Explore that the lesson shows.
        copies: Whether one adapter is compared with copies of it.
    """

    methods: tuple[str, ...]
    tokens: int
    show: str
    position: str
    stage: tuple[str, ...]
    copies: bool

    def methods_for(self, adapter: str) -> tuple[str, ...]:
        """The methods with an adapter's name in the place of `{adapter}`."""
        return tuple(method.replace(_ADAPTER, adapter) for method in self.methods)


@dataclass(frozen=True)
class Lesson:
    """A lesson.

    Attributes:
        id: The name of its folder.
        order: Lessons with a lower number come first.
        minutes: How long it takes.
        level: Its difficulty, 1 to 3.
        figure: One of `FIGURES`.
        run: How it runs the model.
        predict: Questions before the run; the first that the run can answer is asked.
        check: Questions after the run; the first that the run can answer is asked.
        further: What one step further opens in Explore: the methods there.
        own_weights: Whether one step further lets the student set weights in the grid.
        texts: The texts by language; each is whole.
    """

    id: str
    order: int
    minutes: int
    level: int
    figure: str
    run: LessonRunSettings
    predict: tuple[str, ...]
    check: tuple[str, ...]
    further: tuple[str, ...]
    own_weights: bool
    texts: Mapping[str, Texts]

    @property
    def adapters(self) -> int:
        """The fewest adapters that a collection must have for it."""
        return max(
            min(QUESTIONS[name].adapters for name in names) for names in (self.predict, self.check)
        )


def load_lessons(folder: Path = FOLDER) -> tuple[Lesson, ...]:
    """The lessons in their order.

    Raises:
        InputError: A file has a mistake; the message says file and line.
    """
    paths = sorted(folder.glob(f"*/{_FILE}"))
    if not paths:
        raise InputError(f"{folder} holds no lesson: add a folder with a {_FILE}.")
    return tuple(sorted(map(_lesson, paths), key=lambda lesson: (lesson.order, lesson.id)))


def _lesson(path: Path) -> Lesson:
    file = TomlFile(path)
    for place, known in _KNOWN.items():
        file.check_keys(place, known)
    predict, check = _asks(file, "predict"), _asks(file, "check")
    for name in predict:
        if not QUESTIONS[name].before:
            raise file.error(("predict", "ask"), f"{name!r} has choices only after the run")
    figure = file.value(("figure",), str)
    file.check_one_of(("figure",), figure, FIGURES)
    further = file.texts(("further", "methods"), ())
    _check_methods(file, ("further", "methods"), further)
    run = _run(file)
    if any(QUESTIONS[name].needs_copies for name in (*predict, *check)) and not run.copies:
        raise file.error(("run", "copies"), "must be true for the questions of this lesson")
    texts = load_texts(path.parent, ignored=(_FILE,))
    for language, text_file in texts.items():
        check_texts(text_file, (*predict, *check), complete=language == "en")
    return Lesson(
        id=path.parent.name,
        order=file.value(("order",), int),
        minutes=file.value(("minutes",), int),
        level=file.value(("level",), int, 1),
        figure=figure,
        run=run,
        predict=predict,
        check=check,
        further=further,
        own_weights=file.value(("further", "own_weights"), bool, False),
        texts=whole(texts),
    )


def _run(file: TomlFile) -> LessonRunSettings:
    chosen = file.texts(("run", "methods"), ())
    _check_methods(file, ("run", "methods"), chosen)
    show: Any = file.value(("run", "show"), str, "weights")
    file.check_one_of(("run", "show"), show, [name for name in SHOWN if name not in OF_PIN])
    position = file.value(("run", "position"), str, "") if _has(file, ("run", "position")) else ""
    if position:
        file.check_one_of(("run", "position"), position, POSITIONS)
    stage = file.texts(("run", "stage"))
    for part in stage:
        file.check_one_of(("run", "stage"), part, STAGE)
    tokens = file.value(("run", "tokens"), int, 40)
    return LessonRunSettings(
        chosen, tokens, show, position, stage, file.value(("run", "copies"), bool, False)
    )


def _has(file: TomlFile, place: Place) -> bool:
    table, key = place
    return key in file.content.get(table, {})


def _asks(file: TomlFile, table: str) -> tuple[str, ...]:
    place = (table, "ask")
    names = file.texts(place)
    if not names:
        raise file.error(place, "is empty: name a question")
    for name in names:
        file.check_one_of(place, name, QUESTIONS)
    return names


def _check_methods(file: TomlFile, place: Place, names: tuple[str, ...]) -> None:
    for name in names:
        rule, _, adapter = name.partition(":")
        file.check_one_of(place, rule, methods())
        if methods()[rule].of_adapter != bool(adapter) or adapter not in ("", _ADAPTER):
            raise file.error(place, f"names {name!r}: only “adapter:{_ADAPTER}” takes an adapter")
