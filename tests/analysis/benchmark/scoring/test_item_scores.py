"""The score of one answer, and of copying from the question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.benchmark.scoring.item_scores import LanguageJudge, copied, in_both, score_of
from analysis.benchmark.tasks import Item

NUMBER = Item("1", "es", "math", "numeric", "Tengo 3 y compro 1.200. ¿Cuántos?", "1", 1203.0)
CHOICE = Item(
    "2", "es", "medical", "mcq", "¿Qué causa la gripe: un virus?", "2",
    choices=("una bacteria", "un virus", "un hongo"), gold=1,
)  # fmt: skip
FUNCTION = Item(
    "3", "es", "code", "function", "Escribe f(x).", "3",
    entry_point="f", reference="def f(x):\n    return x", test="assert f(2) == 2",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "extracted", "right"),
    [
        ("Son 1.203.", "1203", True),
        ("3 + 1200 = 1204", "1204", False),
        ("Son 2,5 kilos", "2.5", False),
        ("No lo sé.", None, False),
    ],
)
def test_a_number_is_read_in_the_items_language(
    text: str, extracted: str | None, right: bool
) -> None:
    found = score_of(NUMBER, text, ())
    assert (found.extracted, found.right) == (extracted, right)


def test_the_option_with_the_lowest_loss_per_token_is_chosen() -> None:
    assert score_of(CHOICE, "", (2.0, 1.0, 3.0)).right
    found = score_of(CHOICE, "un virus", (0.5, 1.0, 3.0))
    assert (found.extracted, found.right) == ("una bacteria", False)


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("def f(x):\n    return x", "passed"),
        ("def f(x):\n    return 1", "AssertionError"),
        ("f es la identidad", "no function"),
    ],
)
def test_a_function_is_right_if_its_tests_pass(text: str, ended: str) -> None:
    found = score_of(FUNCTION, text, ())
    assert (found.extracted, found.right) == (ended, ended == "passed")


def test_copying_takes_the_last_number_or_the_only_option_in_the_question() -> None:
    assert (copied(NUMBER).extracted, copied(NUMBER).right) == ("1200", False)
    assert copied(replace(NUMBER, answer=1200.0)).right
    assert (copied(CHOICE).extracted, copied(CHOICE).right) == ("un virus", True)
    several = replace(CHOICE, instruction="¿Una bacteria o un virus?")
    assert (copied(several).extracted, copied(several).right) == (None, False)
    assert copied(FUNCTION).right is None


def test_both_needs_the_language_but_for_functions() -> None:
    judge = LanguageJudge(["es", "xx"])
    spanish, english = "La respuesta es doce manzanas.", "The answer is twelve apples."
    assert judge.judge(NUMBER, spanish) is True and judge.judge(NUMBER, english) is False
    assert judge.judge(replace(NUMBER, lang="xx"), spanish) is None
    assert judge.judge(FUNCTION, "def f(x): ...") is None
    assert in_both(NUMBER, True, True) is True
    assert in_both(NUMBER, True, False) is False and in_both(NUMBER, False, True) is False
    assert in_both(NUMBER, True, None) is None
    assert in_both(FUNCTION, True, None) is True


def test_a_region_does_not_hide_the_language() -> None:
    item = replace(NUMBER, lang="es-AR")
    judge = LanguageJudge([item.language])
    assert judge.judge(item, "Ahora tengo mil doscientas tres manzanas.") is True
    assert judge.judge(item, "Now I have twelve hundred apples.") is False
    assert score_of(item, "Son 1.203.", ()).right
