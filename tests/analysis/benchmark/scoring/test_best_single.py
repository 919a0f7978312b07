"""The best adapter alone, known afterwards."""

from __future__ import annotations

import pytest

from analysis.benchmark.entries import BEST_SINGLE, Entry
from analysis.benchmark.results import ItemResult
from analysis.benchmark.scoring.best_single import best_single, best_single_answers
from analysis.benchmark.tasks import Item, ItemType, Task

NAMES = ["static", "adapter:math", "adapter:spanish", "adapter:code", BEST_SINGLE]


def task(kind: ItemType, count: int = 3) -> Task:
    items = tuple(
        Item(str(number), "es", "math", kind, "¿Cuánto?", str(number), choices=("a", "b"))
        for number in range(count)
    )
    return Task("t", "0" * 64, items)


def answers(
    method: str, both: list[bool | None], losses: list[float | None] | None = None
) -> dict[tuple[str, str, str], ItemResult]:
    """Answers whose share of right ones is all right but in the language where `both` is None."""
    losses = losses or [None] * len(both)
    return {
        ("t", method, str(place)): ItemResult(
            "t", method, str(place), f"{method} {place}", "length", None, one is not False, one,
            one, loss=loss, seconds=2.0,
        )
        for place, (one, loss) in enumerate(zip(both, losses, strict=True))
    }  # fmt: skip


def test_the_adapter_with_most_right_answers_answers_and_no_other_method_does() -> None:
    found = {
        **answers("static", [True, True, True]),
        **answers("adapter:math", [True, False, False]),
        **answers("adapter:spanish", [True, True, False]),
        **answers("adapter:code", [False, False, False]),
    }
    entries = {"t": tuple(Entry(name, "method", name) for name in NAMES)}
    chosen = best_single_answers([task("numeric")], entries, found)
    assert set(chosen) == {("t", BEST_SINGLE, str(place)) for place in range(3)}
    assert [one.text for one in chosen.values()] == [f"adapter:spanish {n}" for n in range(3)]
    assert {(one.method, one.seconds) for one in chosen.values()} == {(BEST_SINGLE, 0.0)}
    assert best_single_answers([task("numeric")], {"t": entries["t"][:-1]}, found) == {}


@pytest.mark.parametrize(
    ("kind", "losses", "best"),
    [
        # Equal shares: the lower mean loss decides, and without losses the order.
        ("numeric", ([None] * 3, [None] * 3), "adapter:math"),
        ("function", ([2.0, None, 2.0], [1.0, 2.5, None]), "adapter:spanish"),
        ("mcq", ([1.0, 2.0, 3.0], [0.5, 2.0, 3.0]), "adapter:spanish"),
    ],
)
def test_ties_are_broken_by_loss_then_by_order(
    kind: ItemType, losses: tuple[list[float | None], list[float | None]], best: str
) -> None:
    found = {
        **answers("adapter:math", [True, False, False], losses[0]),
        **answers("adapter:spanish", [False, True, False], losses[1]),
    }
    assert best_single(task(kind), list(NAMES[1:3]), found) == best


@pytest.mark.parametrize(
    ("kind", "losses", "best"),
    [
        ("numeric", [9.0, 9.0, 9.0], "adapter:math"),
        ("mcq", [9.0, 9.0, 9.0], "adapter:spanish"),
        # Not every item has a loss: their mean would be over other items.
        ("mcq", [9.0, None, 9.0], "adapter:math"),
    ],
)
def test_options_are_judged_by_loss_and_written_answers_by_share(
    kind: ItemType, losses: list[float | None], best: str
) -> None:
    found = {
        **answers("adapter:math", [True, True, False], losses),
        **answers("adapter:spanish", [False, False, False], [1.0, 1.0, 1.0]),
    }
    assert best_single(task(kind), list(NAMES[1:3]), found) == best


def test_where_the_language_is_unknown_right_answers_count() -> None:
    found = {
        **answers("adapter:math", [False, False, True]),
        **answers("adapter:spanish", [None, None, False]),
    }
    assert best_single(task("numeric"), list(NAMES[1:3]), found) == "adapter:spanish"
