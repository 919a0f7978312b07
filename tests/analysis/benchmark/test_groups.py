"""Groups of tasks, and the routing of items by their divergences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from analysis.benchmark.comparisons.groups import groups_of
from analysis.benchmark.fusion.profiles import layer_profile
from analysis.benchmark.fusion.records import ItemFusion
from analysis.benchmark.fusion.routing import routings
from analysis.benchmark.tasks import Item, ItemType, Task
from analysis.models.collection import AdapterEntry

NUMBER = Item("1", "es", "math", "numeric", "?", "1", 2.0)


TYPES: dict[str, ItemType] = {"math": "numeric", "code": "function", "medical": "mcq"}


def task(lang: str, domain: str) -> Task:
    # A function may have choices, too: they do not make it a question with options.
    choices = () if domain == "math" else ("a", "b")
    item = replace(NUMBER, lang=lang, domain=domain, type=TYPES[domain], choices=choices)
    return Task(f"{lang}_{domain}", "", (item,))


NINE = [task(lang, domain) for lang in ("es", "ru", "zh") for domain in ("math", "code", "medical")]


def test_nine_tasks_make_a_group_of_each_language_and_domain() -> None:
    assert {group.name: len(group.tasks) for group in groups_of(NINE)} == {
        "es: math, code, medical": 3,
        "es: math, code": 2,
        "ru: math, code, medical": 3,
        "ru: math, code": 2,
        "zh: math, code, medical": 3,
        "zh: math, code": 2,
        "math: es, ru, zh": 3,
        "code: es, ru, zh": 3,
        "medical: es, ru, zh": 3,
        "all languages: math, code": 6,
        "all languages: math, code, medical": 9,
    }


def test_the_same_tasks_make_one_group_and_one_task_none() -> None:
    assert groups_of(NINE[:1]) == ()
    assert [group.name for group in groups_of(NINE[:2])] == ["es: math, code"]
    mixed = Task("mixed", "", (NUMBER, replace(NUMBER, id="2", lang="ru", domain="code")))
    assert [len(group.tasks) for group in groups_of([*NINE[:2], mixed])] == [2, 3]


def adapter(name: str, kind: Literal["language", "task"], tag: str) -> AdapterEntry:
    return AdapterEntry(name, name, kind, Path(name), tag=tag)


ADAPTERS = (
    adapter("sums", "task", "math"),
    adapter("programs", "task", "code"),
    adapter("castellano", "language", "es"),
    adapter("russkij", "language", "ru"),
)


def fusion(item: str, *means: float) -> ItemFusion:
    names = tuple(entry.name for entry in ADAPTERS)[: len(means)]
    positions = {"query": means, "prompt": means[::-1], "both": means}
    return ItemFusion("t", "m", item, names, ((1.0,) * len(names),), positions)


def test_routing_counts_pairs_languages_and_tasks() -> None:
    items = [replace(NUMBER, id=name) for name in "abcd"] + [replace(NUMBER, id="e", lang="xx")]
    fusions = [
        fusion("a", 3.0, 1.0, 4.0, 2.0),  # the pair leads
        fusion("b", 1.0, 3.0, 4.0, 2.0),  # the language leads, not the task
        fusion("c", 3.0, 1.0, 2.0, 4.0),  # the task leads, not the language
        replace(fusion("d", 3.0, 1.0, 4.0, 2.0), divergences={}),  # not measured
        fusion("e", 3.0, 1.0, 4.0, 2.0),  # without a pair
    ]
    query, _, _ = routings(items, fusions, ADAPTERS)
    assert query.language is not None and query.task is not None
    assert (query.items, query.pair.right) == (3, 1)
    assert (query.language.right, query.language.of) == (2, 3)
    assert (query.task.right, query.task.of) == (2, 3)


def test_the_pair_of_an_oracle_hides_no_routing() -> None:
    whole, pair = fusion("1", 3.0, 1.0, 4.0, 2.0), fusion("1", 3.0, 1.0)
    for fusions in ([whole, pair], [pair, whole]):
        found = routings([NUMBER], fusions, ADAPTERS)
        assert [one.pair.right for one in found] == [1, 0, 1]


@pytest.mark.parametrize("means", [(), (3.0, 1.0), (3.0, 1.0, 2.0)])
def test_too_few_adapters_route_nothing_or_no_language(means: tuple[float, ...]) -> None:
    found = routings([NUMBER], [fusion("1", *means)], ADAPTERS)
    assert len(found) == (3 if len(means) > 2 else 0)
    assert all(one.language is None and one.task is not None for one in found)


def test_a_profile_takes_adapters_that_are_not_fused_for_zero() -> None:
    first = ItemFusion("t", "m", "1", ("sums", "castellano"), ((0.2, 0.8),), {})
    second = ItemFusion("t", "m", "2", ("programs", "castellano"), ((0.4, 0.6),), {})
    found = layer_profile("m", [first, second], [entry.name for entry in ADAPTERS])
    assert found.adapters == ("sums", "programs", "castellano")
    assert found.mean_LK[0] == pytest.approx((0.1, 0.2, 0.7))
    assert found.spread_LK[0] == pytest.approx((0.1, 0.2, 0.1))
