"""Goals that were set before: each language is judged by its own tasks, at the exact bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.benchmark.comparisons.goals import GOALS, Judged, judged
from analysis.benchmark.entries import selection
from analysis.benchmark.results import BenchmarkResult
from analysis.benchmark.tasks import Task, read_tasks
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection
from tests.made_results import METHODS, SKILLS, make_result, write_tasks
from tests.tiny import tiny_collection


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    names = ("math", "spanish", "code", "russian", "medical")
    return load_collection(tiny_collection(tmp_path_factory.mktemp("tiny"), names))


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Task, ...]:
    return read_tasks(write_tasks(tmp_path_factory.mktemp("tasks")))


def result(
    collection: Collection, tasks: tuple[Task, ...], *, pair: bool = False, **skills: float
) -> BenchmarkResult:
    named = {name.replace("_", "-"): skill for name, skill in skills.items()}
    return make_result(
        collection,
        tasks,
        selection(collection, pair, None),
        methods=(*METHODS, "oracle-pair"),
        skills=SKILLS | named,
    )


def by_place(found: tuple[Judged, ...]) -> dict[tuple[str, str], Judged]:
    return {(one.goal, one.lang): one for one in found}


def test_a_language_is_judged_by_its_own_tasks(
    collection: Collection, tasks: tuple[Task, ...]
) -> None:
    run = result(collection, tasks, oracle_pair=0.9)
    found = by_place(judged([run]))
    assert {goal for goal, lang in found if lang == "es"} == set(GOALS) - {"pair-above-static"}
    # Russian has mathematics alone: its one task is judged, and it has no items with options.
    assert {goal for goal, lang in found if lang == "ru"} == {
        "above-static", "above-singles", "near-pair", "routing",
    }  # fmt: skip
    task = next(one for one in run.tasks if one.task == "ru_math")
    shares = {one.method: one.both.value for one in task.scores if one.both}
    gain = found["above-static", "ru"]
    assert gain.value == pytest.approx(shares["qa-flora"] - shares["static"]) and gain.met
    assert gain.low is not None and gain.low < gain.value
    best = max(value for name, value in shares.items() if name.startswith("adapter:"))
    assert found["above-singles", "ru"].value == pytest.approx(shares["qa-flora"] - best)
    # Spanish is the mean of mathematics and code, whatever their numbers of items.
    group = next(one for one in run.groups if one.group == "es: math, code")
    own = next(one for one in group.comparisons[0].differences if one.method == "qa-flora")
    assert found["above-static", "es"].value == own.difference.value


def test_goals_are_missed_where_the_method_is_no_better(
    collection: Collection, tasks: tuple[Task, ...]
) -> None:
    poor = by_place(judged([result(collection, tasks, qa_flora=0.05, oracle_pair=0.9)]))
    assert not any(one.met for (goal, _), one in poor.items() if not goal.startswith("routing"))
    pair = by_place(judged([result(collection, tasks, pair=True, qa_flora=0.05)]))
    assert set(pair) == {("pair-above-static", "es"), ("pair-above-static", "ru")}
    assert not any(one.met for one in pair.values())


def test_a_level_score_is_not_below_and_not_above(
    collection: Collection, tasks: tuple[Task, ...]
) -> None:
    none = dict.fromkeys([*SKILLS, "oracle-pair", *(f"adapter:{n}" for n in collection.names)], 0.0)
    found = by_place(
        judged([result(collection, tasks, pair=pair, **none) for pair in (False, True)])
    )
    assert found["pair-above-static", "ru"].value == 0 and found["pair-above-static", "ru"].met
    assert found["near-pair", "ru"].met
    assert not found["above-singles", "ru"].met and not found["above-static", "ru"].met


def test_routing_is_read_where_the_method_reads(
    collection: Collection, tasks: tuple[Task, ...]
) -> None:
    run = result(collection, tasks)
    position = run.settings.weight_settings.position
    task = next(one for one in run.tasks if one.task == "ru_math")
    (own,) = (one for one in task.routing if position in one.signal)
    found = by_place(judged([run]))["routing", "ru"]
    assert found.value == own.pair.value and found.met == (own.pair.value >= GOALS["routing"])


def test_results_without_the_method_have_no_goals(collection: Collection, tmp_path: Path) -> None:
    tasks = read_tasks(write_tasks(tmp_path))
    run = make_result(
        collection, tasks, selection(collection, False, None), methods=("base", "sum")
    )
    assert judged([run]) == ()
