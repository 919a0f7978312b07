"""The items panel: items with the answers of two methods, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from app.results.item_choice import Compared, ItemChoice, is_right
from app.results.names import Names
from app.widgets import text
from app.widgets.words.said import joined, say

if TYPE_CHECKING:
    from analysis.benchmark.results import BenchmarkResult, ItemResult
    from analysis.benchmark.tasks import Item

STEP = 20
"""The most items that are listed at first, and that are added at a time."""

_MARKS = {"right": "✓", "wrong": "✗", "unread": "∅"}


@dataclass(frozen=True)
class AnswerView:
    """The answer of one method to an item.

    Attributes:
        extracted: The part that is scored.
        outcome: `right`, `wrong`, or `unread` where no answer was found.
        mark: The outcome as a sign.
        verdict: The outcome in words.
        text: The whole answer.
    """

    extracted: str
    outcome: str
    mark: str
    verdict: str
    text: str


@dataclass(frozen=True)
class ItemView:
    """An item.

    Attributes:
        name: Its id.
        task: The name of its task.
        question: The question.
        gold: The right answer, in a line.
        solution: The right answer in full where a line does not hold it.
        options: The options that it offers.
        answers: The answers of the two methods.
        link: The part of an address after `?` that asks the question in Explore.
    """

    name: str
    task: str
    question: str
    gold: str
    solution: str
    options: tuple[str, ...]
    answers: tuple[AnswerView, ...]
    link: str


@dataclass(frozen=True)
class ItemsPanel:
    """The list of items.

    Attributes:
        id: Equal for lists of the same choice.
        sentence: How many items there are.
        methods: The names of the two methods.
        items: The first items.
        more: The number of items that "show more" adds.
    """

    id: str
    sentence: str
    methods: tuple[str, ...]
    items: tuple[ItemView, ...]
    more: int

    @classmethod
    def empty(cls) -> ItemsPanel:
        """The panel without items."""
        return cls("", "", (), (), 0)


def items_panel(
    run: BenchmarkResult,
    choice: ItemChoice,
    shown: int,
    names: Names,
    link_of: Callable[[Item], str],
) -> ItemsPanel:
    """The items of a choice.

    Args:
        run: The benchmark.
        choice: The methods and filters.
        shown: The most items to list.
        names: Names for people.
        link_of: Gives the link that asks an item's question in Explore.
    """
    found = choice.listed(run)
    listed = [_view(one, names, link_of) for one in islice(found, shown)]
    rest = sum(1 for _ in found)
    first, second = names.method(choice.first), names.method(choice.second)
    return ItemsPanel(
        id=f"{run.settings_digest} {choice}",
        sentence=_sentence(len(listed), len(listed) + rest, choice),
        methods=(first, second),
        items=tuple(listed),
        more=min(rest, STEP),
    )


def _sentence(shown: int, count: int, choice: ItemChoice) -> str:
    if not count and choice.first == choice.second:
        return say("The two methods are the same: choose another to see where they disagree.")
    if not count:
        return say("No item fits this choice.")
    if shown < count:
        return say(
            "{count} items fit this choice; the first {shown} are listed.",
            count=count,
            shown=shown,
        )
    if count == 1:
        return say("1 item fits this choice.")
    return say("{count} items fit this choice.", count=count)


def _view(compared: Compared, names: Names, link_of: Callable[[Item], str]) -> ItemView:
    item = compared.item
    return ItemView(
        name=text.plain(item.id),
        task=names.task(compared.task),
        question=item.instruction,
        gold=_gold(item),
        solution=item.reference or (item.answer if isinstance(item.answer, str) else ""),
        options=() if item.type == "function" else item.choices,
        answers=(_answer(item, compared.first), _answer(item, compared.second)),
        link=link_of(item),
    )


def _gold(item: Item) -> str:
    if item.type == "function":
        return say("{name} passes its tests", name=f"{item.entry_point}()")
    if item.gold is not None:
        return item.choices[item.gold]
    return f"{item.answer:g}" if isinstance(item.answer, float) else item.answer or ""


def _answer(item: Item, answer: ItemResult) -> AnswerView:
    outcome = "right" if is_right(answer) else "wrong" if answer.extracted else "unread"
    return AnswerView(
        extracted=answer.extracted or say("no answer found"),
        outcome=outcome,
        mark=_MARKS[outcome],
        verdict=_verdict(item, answer),
        text=answer.text,
    )


def _verdict(item: Item, answer: ItemResult) -> str:
    outcome = _outcome(item, answer)
    if answer.loss is None:
        return outcome
    return outcome + say("; loss of the right answer {loss}", loss=text.fixed(answer.loss))


def _outcome(item: Item, answer: ItemResult) -> str:
    if item.type == "function":
        return say("passes the tests") if answer.right else say("does not pass the tests")
    right = say("no answer found")
    if answer.right or answer.extracted:
        right = say("right") if answer.right else say("wrong")
    if answer.in_language is None:
        return right
    language = (
        say("in the language") if answer.in_language else say("not recognised as the language")
    )
    return joined(", ", (right, language))
