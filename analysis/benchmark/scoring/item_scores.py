"""The scores of one answer to one item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.benchmark.programs.candidates import program_of
from analysis.benchmark.programs.sandbox import run_tests
from analysis.benchmark.scoring.numbers import final_number, is_number
from analysis.benchmark.scoring.text_checks import answers_in, identifies
from analysis.benchmark.tasks import Item


@dataclass(frozen=True)
class ItemScore:
    """The part of an answer that is scored, and whether it is right.

    Attributes:
        extracted: A number, an option, or how a function's tests ended; None where there is none.
        right: Whether it is right; None where copying does not apply to the item.
    """

    extracted: str | None
    right: bool | None


def score_of(item: Item, text: str, option_losses: Sequence[float]) -> ItemScore:
    """The score of an answer.

    Args:
        item: The item.
        text: The generated answer.
        option_losses: Mean loss per token of each option: the lowest is the answer's choice.
    """
    if item.type == "numeric":
        return _number(item, text)
    if item.type == "function":
        program = program_of(text, item)
        ended = "no function" if program is None else run_tests(program, item)
        return ItemScore(ended, ended == "passed")
    choice = min(range(len(option_losses)), key=lambda place: option_losses[place])
    return ItemScore(item.choices[choice], choice == item.gold)


def copied(item: Item) -> ItemScore:
    """The score of copying from the question, without a model.

    For a number, the last one of the question; for an option, the only one whose text stands in
    the question. Copying gives no function.
    """
    if item.type == "numeric":
        return _number(item, item.instruction)
    if item.type == "function":
        return ItemScore(None, None)
    question = item.instruction.casefold()
    found = [place for place, text in enumerate(item.choices) if text.casefold() in question]
    if len(found) != 1:
        return ItemScore(None, False)
    return ItemScore(item.choices[found[0]], found[0] == item.gold)


def in_both(item: Item, right: bool, in_language: bool | None) -> bool | None:
    """Whether an answer is right and in the language; None where the language is unknown.

    A function is code, which belongs to no language: it counts by its tests alone.
    """
    if item.type == "function":
        return right
    return None if in_language is None else right and in_language


class LanguageJudge:
    """Tells whether answers are in their items' languages; loads each language once.

    Args:
        languages: The languages of all items, so that a missing identifier shows early.

    Raises:
        InputError: The identifier is not installed.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        self._judges: dict[str, Callable[[str], bool] | None] = {
            language: answers_in(language) if identifies(language) else None
            for language in sorted(set(languages))
        }

    def judge(self, item: Item, text: str) -> bool | None:
        """Whether an answer is in the item's language; None where that is unknown or code."""
        judge = self._judges[item.language]
        return None if judge is None or item.type == "function" else judge(text)


def _number(item: Item, text: str) -> ItemScore:
    number = final_number(text, item.lang)
    if number is None:
        return ItemScore(None, False)
    written = str(int(number)) if number.is_integer() else str(number)
    right = isinstance(item.answer, float) and is_number(text, item.answer, item.lang)
    return ItemScore(written, right)
