"""The bundled task items: their form, their balance, and two splits that share nothing."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from typing import Any

import pytest

from analysis.training.texts.sources import ASSETS

TASKS = ASSETS / "tasks"
SETS = [f"{lang}_{domain}" for lang in ("es", "ru", "zh") for domain in ("math", "code", "medical")]
OPERATIONS = {
    "+": lambda a, b: a + b,
    "−": lambda a, b: abs(a - b),
    "×": lambda a, b: a * b,
    "÷": lambda a, b: max(a, b) // min(a, b),
}


def items(name: str) -> list[dict[str, Any]]:
    lines = (TASKS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", [*SETS, "en_medical"])
def test_splits_are_of_use_and_share_nothing(name: str) -> None:
    dev, test = items(f"{name}_dev"), items(f"{name}_test")
    assert len(test) >= {"math": 120, "code": 60, "medical": 66}[dev[0]["domain"]]
    assert len(dev) >= 30
    for field in ("id", "instruction"):
        assert len({item[field] for item in dev + test}) == len(dev + test)
    assert not {item["cluster"] for item in dev} & {item["cluster"] for item in test}
    for item in dev + test:
        assert [item["lang"], item["domain"]] == name.split("_")
        assert item["instruction"] == unicodedata.normalize("NFC", item["instruction"]).strip()


@pytest.mark.parametrize("name", [name for name in SETS if "math" in name])
@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_problem_gives_two_numbers_and_its_operation_gives_the_answer(
    name: str, split: str
) -> None:
    found = items(f"{name}_{split}")
    for item in found:
        numbers = [int(digits) for digits in re.findall(r"\d+", item["instruction"])]
        assert len(numbers) == 2, item
        assert OPERATIONS[item["operation"]](*numbers) == item["answer"], item
        assert item["answer"] not in numbers, item  # no copying
    assert set(Counter(item["operation"] for item in found)) == set(OPERATIONS)


@pytest.mark.parametrize("name", [*(name for name in SETS if "medical" in name), "en_medical"])
@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_question_has_four_options_and_no_place_is_the_better_guess(
    name: str, split: str
) -> None:
    found = items(f"{name}_{split}")
    for item in found:
        assert len(set(item["choices"])) == 4 and item["gold"] in range(4), item
        right = item["choices"][item["gold"]]
        assert right.casefold() not in item["instruction"].casefold(), item
    places = Counter(item["gold"] for item in found)
    assert max(places.values()) - min(places.values()) <= 1


@pytest.mark.parametrize("name", [name for name in SETS if "code" in name])
@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_functions_tests_tell_its_reference_from_the_other_choices(name: str, split: str) -> None:
    def passes(source: str, item: dict[str, Any]) -> bool:
        scope: dict[str, Any] = {}
        exec(source, scope)
        try:
            exec(item["test"], scope)
        except Exception:
            return False
        return item["entry_point"] in scope

    for item in items(f"{name}_{split}"):
        right = item["choices"][item["gold"]]
        assert right == item["reference"] and passes(right, item), item
        assert not any(passes(choice, item) for choice in item["choices"] if choice != right)


def test_a_fact_is_asked_for_in_every_language() -> None:
    for split in ("dev", "test"):
        facts = [
            {(item["cluster"], item["gold"]) for item in items(f"{lang}_medical_{split}")}
            for lang in ("en", "es", "ru", "zh")
        ]
        assert facts[0] == facts[1] == facts[2] == facts[3]
