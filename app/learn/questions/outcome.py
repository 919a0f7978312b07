"""The outcome of a question: what is right for one run, and the words for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.learn.lesson_run import LessonRun


@dataclass(frozen=True)
class Option:
    """One choice.

    Attributes:
        key: Its name.
        label: Its text; empty where the lesson's texts have it under the key.
    """

    key: str
    label: str = ""


@dataclass(frozen=True)
class Outcome:
    """What is right for one run.

    Attributes:
        ask: Name of the question.
        right: The keys of the right choices.
        options: The choices; empty where a number is asked for.
        number: The right number; None where a choice is asked for.
        tolerance: How far a number may be from it.
        several: Whether several choices may be right, and all are asked for.
        facts: What the texts may name, by its name in braces.
        numbers: Facts that are numbers as English writes them; the page writes them as the
            student's language does.
        said: The key of the sentence that says what happened.
        cell: The place in the grid that shows it: layer and the adapter's index.
    """

    ask: str
    right: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    number: float | None = None
    tolerance: float = 0.0
    several: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    said: str = "any"
    cell: tuple[int, int] | None = None


@dataclass(frozen=True)
class Question:
    """A kind of question that a lesson may ask.

    Attributes:
        name: Its name in a lesson's file.
        outcome: From a run to what is right; None where this run cannot answer it.
        choices: The keys of choices whose texts the lesson has.
        more_choices: The keys of further such choices, which only a run can offer.
        of_adapters: Whether the choices are the adapters of the collection.
        facts: The names that its texts may have in braces, beside those that every text may have.
        adapters: The fewest adapters that the collection must have.
        needs_right: Whether the question to the model must know its right answer.
        needs_copies: Whether the run must copy an adapter.
        said: The keys of the sentences that say what happened.
    """

    name: str
    outcome: Callable[[LessonRun], Outcome | None]
    choices: tuple[str, ...] = ()
    more_choices: tuple[str, ...] = ()
    of_adapters: bool = False
    facts: tuple[str, ...] = ()
    adapters: int = 1
    needs_right: bool = False
    needs_copies: bool = False
    said: tuple[str, ...] = ("any",)

    @property
    def before(self) -> bool:
        """Whether the choices are known before the run, so that it can be predicted."""
        return bool(self.choices) or self.of_adapters


def fixed(*keys: str) -> tuple[Option, ...]:
    """Choices whose texts the lesson has."""
    return tuple(Option(key) for key in keys)
