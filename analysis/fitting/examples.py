"""Questions with right answers from task items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.benchmark.tasks import Item, Task
from analysis.common.errors import InputError
from analysis.fitting.licences import license_of

_NUMBERS = {
    "en": "The answer is {}.",
    "es": "La respuesta es {}.",
    "ru": "Ответ: {}.",
    "zh": "答案是{}。",
}


@dataclass(frozen=True)
class Examples:
    """Questions with right answers.

    Attributes:
        pairs: Question and answer.
        words: What they are, with their number and licence.
    """

    pairs: tuple[tuple[str, str], ...]
    words: str


def right_answer(item: Item) -> str:
    """A right answer as a sentence or a program; "" where the item gives none.

    A number alone is no answer that an adapter would give, so it stands in a short sentence of the
    item's language.
    """
    if isinstance(item.answer, float):
        form = _NUMBERS.get(item.lang, "")
        return form.format(f"{item.answer:.15g}") if form else ""
    return item.gold_answer


def examples_of(tasks: Sequence[Task]) -> Examples:
    """The items of task files that have a right answer.

    Raises:
        InputError: None has.
    """
    pairs: list[tuple[str, str]] = []
    words = []
    for task in tasks:
        usable = [item for item in task.items if right_answer(item)]
        pairs += [(item.instruction, right_answer(item)) for item in usable]
        licences = " and ".join(dict.fromkeys(license_of(task, item) for item in usable))
        numbers = any(isinstance(item.answer, float) for item in usable)
        in_sentence = ", numbers in a sentence" if numbers else ""
        if usable:
            words.append(f"{len(usable)} items of {task.name} ({licences}{in_sentence})")
    if not pairs:
        raise InputError("No item has an answer: give --tasks with answers, choices or references.")
    return Examples(tuple(pairs), "; ".join(words))
