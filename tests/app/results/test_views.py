"""The views of the Results tab: what they make of a benchmark's numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.benchmark.joined import JoinedResults, write_results
from analysis.benchmark.results import BenchmarkResult
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection
from app.results.item_choice import ItemChoice
from app.results.lookup import headline
from app.results.names import Names
from app.results.results_service import ResultsService, run_choices
from app.results.views import differences_panel, method_scores
from app.results.views.finding import finding
from app.results.views.goals_table import goals_sentence, goals_table
from app.results.views.items_panel import items_panel
from app.results.views.profiles_panel import profiled_methods, profiles_panel
from app.results.views.routing_table import routing_table
from app.results.views.score_table import ScoreRow, ScoreTable
from app.state.link_fields import Field, LinkFields, query, some_of
from app.views.charts_panel import ChartsPanel
from app.widgets.panels import encode
from tests.made_results import write_part_file, write_result_file, write_tasks
from tests.tiny import tiny_collection

ADAPTERS = ("math", "spanish", "code", "russian", "medical")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return load_collection(tiny_collection(tmp_path_factory.mktemp("tiny"), ADAPTERS))


@pytest.fixture(scope="module")
def results(collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> JoinedResults:
    tasks = write_tasks(tmp_path_factory.mktemp("tasks"))
    return write_result_file(collection.folder / "results.json", collection, tasks)


@pytest.fixture
def run(results: JoinedResults) -> BenchmarkResult:
    return results.runs[0]


@pytest.fixture(scope="module")
def names(collection: Collection) -> Names:
    return Names.of(collection)


def no_link(item: object) -> str:
    return ""


def test_the_finding_is_computed_from_the_numbers(results: JoinedResults, names: Names) -> None:
    sentence = finding(results.runs, names)
    group = next(one for one in results.runs[0].groups if one.group.startswith("all languages"))
    (first, *_) = group.comparisons
    own = next(one for one in first.differences if one.method == "qa-flora")
    assert f"{100 * own.difference.value:.1f} points more right answers than Static" in sentence
    assert sentence.startswith("With all five adapters on, qa-FLoRA gives")
    assert "; with the right pair, qa-FLoRA gives" in sentence


def test_the_goals_say_what_is_met_and_what_is_missed(results: JoinedResults, names: Names) -> None:
    table = goals_table(results.runs, names, "")
    assert [column.text for column in table.columns] == ["Spanish", "Russian"]
    cells = [cell for row in table.rows for cell in row.cells if cell.text != "–"]
    missed = [cell for cell in cells if cell.text == "✗ missed"]
    assert cells and all(cell.detail for cell in cells)
    assert {cell.text for cell in cells} == {"✓ met", "✗ missed"}
    sentence = goals_sentence(results.runs, names)
    assert all((cell.mark == "missed") == (cell in missed) for cell in cells)
    met = len(cells) - len(missed)
    assert sentence.startswith(f"{met} of the {len(cells)} goals set before are met. Missed:")
    for row in table.rows:
        words = row.heading.text[:1].lower() + row.heading.text[1:]
        told = any(cell.text == "✗ missed" for cell in row.cells)
        assert (f"{words} (" in sentence) == told
    assert goals_sentence((), names) == "" and goals_table((), names, "").rows == ()


def test_scores_stand_over_their_intervals_and_ties_are_marked_as_ties(
    run: BenchmarkResult, names: Names
) -> None:
    table = method_scores.shares(run, names, "of other adapters")
    assert table.tag == "of other adapters"
    assert [one.text for one in table.columns[:2]] == ["Spanish · Math", "Russian · Math"]
    assert table.columns[0].detail == "40 items"
    score = next(one for one in run.tasks[0].scores if one.method == "qa-flora")
    assert score.both is not None
    cell = _row(table, "qa-FLoRA").cells[0]
    assert cell.text == f"{100 * score.both.value:.0f}"
    assert cell.detail == f"{100 * score.both.low:.0f}–{100 * score.both.high:.0f}"
    assert cell.mark == "best"
    # One item cannot tell methods apart: those with the best number share it, all others tie.
    code = [one.text for one in table.columns].index("Spanish · Code")
    rows = table.rows[: -table.sections[-1][1]]
    ranked = [row.cells[code] for row in rows]
    assert {cell.mark for cell in ranked} == {"best", "tied"}
    best = max(int(cell.text) for cell in ranked)
    assert all((cell.mark == "best") == (int(cell.text) == best) for cell in ranked)
    assert sum(span for _, span in table.groups) == len(table.columns)
    assert all(len(row.cells) == len(table.columns) for row in table.rows)


def _row(table: ScoreTable, method: str) -> ScoreRow:
    (row,) = (row for row in table.rows if row.heading.text == method)
    return row


def test_the_headline_is_a_method_and_no_reference(run: BenchmarkResult) -> None:
    assert headline(run) == "qa-flora"
    tasks = tuple(
        replace(task, scores=tuple(one for one in task.scores if one.method != "qa-flora"))
        for task in run.tasks
    )
    assert headline(replace(run, tasks=tasks)) == "sum"


def test_rows_stand_in_sections_and_those_for_reference_say_what_they_know(
    run: BenchmarkResult, names: Names
) -> None:
    table = method_scores.shares(run, names, "")
    assert table.sections == (("Methods", 4), ("One adapter alone", 5), ("For reference", 2))
    assert sum(count for _, count in table.sections) == len(table.rows)
    single, copy = table.rows[-2:]
    assert (single.heading.text, copy.heading.text) == (
        "Best adapter alone",
        "Copy of the question",
    )
    assert single.heading.detail == "known afterwards, not found"
    alone = [row.cells[0] for row in table.rows[4:9]]
    assert single.cells[0].text == str(max(int(cell.text) for cell in alone))
    assert not any(cell.mark for row in (single, copy) for cell in row.cells)


def test_the_last_columns_are_means_over_tasks_of_several_languages(
    run: BenchmarkResult, names: Names
) -> None:
    table = method_scores.shares(run, names, "")
    mean = table.columns[len(run.tasks)]
    assert mean.text == "Math: Spanish, Russian"
    assert mean.detail == "mean of 2 tasks"
    assert table.groups == (("Tasks", len(run.tasks)), ("Means", 3))
    own = _row(table, "qa-FLoRA").cells
    cells = [own[0], own[1], own[len(run.tasks)]]
    right = [next(one.both.value for one in task.scores if one.method == "qa-flora" and one.both)
             for task in run.tasks[:2]]  # fmt: skip
    assert cells[2].text == f"{100 * sum(right) / 2:.0f}"
    group = next(one for one in run.groups if one.group == "math: es, ru")
    assert cells[2].mark == "best"
    assert cells[2].detail == f"P(best) {group.comparisons[0].first['qa-flora']:.2f}"
    assert not _row(table, "Copy of the question").cells[len(run.tasks)].detail


def test_losses_are_shown_for_tasks_with_options_alone(run: BenchmarkResult, names: Names) -> None:
    table = method_scores.losses(run, names, "")
    assert [one.text for one in table.columns] == ["Spanish · Medical"] and not table.groups
    without = replace(run, tasks=run.tasks[:1])
    assert method_scores.losses(without, names, "").rows == ()


def test_methods_that_a_task_lacks_have_no_number(results: JoinedResults, names: Names) -> None:
    table = method_scores.shares(results.runs[1], names, "")
    cells = _row(table, "Russian").cells[: len(results.runs[1].tasks)]
    shown = [cell.text == "–" for cell in cells]
    assert shown == [True, False, True, True]


def test_differences_show_the_headline_method_first(run: BenchmarkResult, names: Names) -> None:
    panel = differences_panel.shares(run, names, 0)
    first = panel.charts[0]
    assert first.name == "qa-flora" and first.title.startswith("qa-FLoRA less Static")
    assert "copy" not in [chart.name for chart in panel.charts]
    comparison = run.tasks[0].comparisons[0]
    own = next(one for one in comparison.differences if one.method == "qa-flora")
    assert first.table.rows[0][:2] == ["Spanish · Math", f"+{100 * own.difference.value:.1f}"]
    points = [place for trace in first.figure["data"] for place in trace["y"]]
    assert sorted(points) == list(range(len(first.table.rows)))
    filled, _ = first.figure["data"]
    assert 0 in filled["y"]  # 40 items with so large a difference settle it
    assert len(differences_panel.losses(run, names, 0).charts[0].table.rows) == 1


def test_items_where_two_methods_disagree_come_first(run: BenchmarkResult, names: Names) -> None:
    choice = ItemChoice.of(run, {})
    assert (choice.first, choice.second, choice.outcome) == ("static", "qa-flora", "differ")
    panel = items_panel(run, choice, 3, names, no_link)
    assert len(panel.items) == 3 and panel.more > 0
    for item in panel.items:
        assert [answer.outcome == "right" for answer in item.answers].count(True) == 1
    assert panel.items[0].answers[0].text.startswith("static: <b>")
    # Every item has one outcome of the four that exclude each other.
    counts = {
        outcome: len(list(replace(choice, outcome=outcome).listed(run)))
        for outcome in ("first", "second", "right", "wrong", "differ", "all")
    }
    assert counts["differ"] == counts["first"] + counts["second"]
    assert counts["all"] == counts["differ"] + counts["right"] + counts["wrong"]


def test_items_are_filtered_by_task_and_language(run: BenchmarkResult, names: Names) -> None:
    given = {"task": "es_medical", "outcome": "all", "first": "base", "language": "xx"}
    choice = ItemChoice.of(run, given)
    assert choice.language == ""  # not among the results
    panel = items_panel(run, choice, 50, names, no_link)
    assert {item.task for item in panel.items} == {"Spanish · Medical"}
    assert panel.methods == ("Base", "qa-FLoRA")
    assert panel.items[0].gold == "B" and panel.items[0].solution == "Es la B."
    none = items_panel(run, replace(choice, language="ru"), 50, names, no_link)
    assert none.items == () and none.sentence == "No item fits this choice."


def test_items_can_be_sorted_by_the_difference_in_loss(run: BenchmarkResult, names: Names) -> None:
    choice = ItemChoice.of(run, {"outcome": "all", "order": "loss"})
    found = list(choice.listed(run))
    apart = [one.loss_difference for one in found]
    assert apart == sorted(apart, reverse=True) and apart[0] > 0
    # Items without a loss come last, in the files' order.
    plain = list(replace(choice, order="file").listed(run))
    without = [one.item.id for one in plain if one.first.loss is None]
    assert [one.item.id for one in found[-len(without) :]] == without
    assert {one.item.id for one in found} == {one.item.id for one in plain}
    answer = items_panel(run, choice, 1, names, no_link).items[0].answers[0]
    assert answer.verdict.endswith(f"; loss of the right answer {found[0].first.loss:.2f}")
    assert ItemChoice.of(run, {"order": "colour"}).order == "file"


def test_only_methods_whose_weights_vary_have_a_profile(run: BenchmarkResult, names: Names) -> None:
    assert profiled_methods(run) == ("qa-flora",)
    panel = profiles_panel(run, "qa-flora", names, 0)
    assert [chart.choice for chart in panel.charts][:2] == ["Spanish · Math", "Russian · Math"]
    profile = next(one for one in run.tasks[0].profiles if one.method == "qa-flora")
    expected = f"{profile.mean_LK[0][0]:.2f} ± {profile.spread_LK[0][0]:.2f}"
    assert panel.charts[0].table.rows[0][1] == expected
    assert "Mean weight over the layers" in panel.charts[0].sentence


def test_routing_is_shown_of_the_run_that_chose(
    results: JoinedResults, collection: Collection, names: Names
) -> None:
    table = routing_table(results.runs[::-1], collection, names, "")
    # 12 medical items, 40 of mathematics in each language, one of code.
    assert [column.detail for column in table.columns] == ["40 items"] * 2 + ["12 items", "1 item"]
    assert [count for _, count in table.sections] == [3, 3, 3]
    assert table.rows[0].heading.text == "Mean divergence, query's last token"
    assert table.rows[2].heading.text == "Mean divergence, both tokens"
    task = results.runs[0].tasks[0]
    pair, right_task = task.routing[0].pair, task.routing[0].task
    assert right_task is not None
    assert table.rows[0].cells[0].text == f"{100 * pair.value:.0f}"
    assert table.rows[6].cells[0].text == f"{100 * right_task.value:.0f}"
    assert table.note == "By chance: pair 10%, language 50%, task 33%."
    assert routing_table(results.runs[1:], collection, names, "").rows == ()


def test_an_item_opens_in_explore_with_its_question(
    results: JoinedResults, collection: Collection
) -> None:
    fields = LinkFields(
        {
            "query": Field("q", query, ""),
            "adapters": Field("adapters", some_of(*ADAPTERS), list(ADAPTERS)),
            "methods": Field("answers", some_of("base", "static", "qa-flora"), ["base"]),
            "alone": Field("alone", some_of("adapter:math"), ["adapter:math"]),
        }
    )
    service = ResultsService(collection, fields)
    assert run_choices(service) == [("All five adapters on", "0"), ("The right pair", "1")]
    item = results.runs[0].tasks[0].items[3]
    choice = ItemChoice.of(results.runs[0], {"first": "adapter:math"})
    link = service.link(results.runs[0], choice, item)
    assert {**fields.defaults, **fields.decode(dict(_pairs(link)))[0]} == {
        "query": item.instruction,
        "adapters": list(ADAPTERS),
        "methods": ["qa-flora"],
        "alone": ["adapter:math"],
    }
    of_pair = service.link(results.runs[1], choice, item)
    assert dict(_pairs(of_pair))["adapters"] == "math,spanish"


def test_all_panels_can_be_given_to_the_page(
    results: JoinedResults, collection: Collection
) -> None:
    service = ResultsService(collection, LinkFields())
    for place in range(len(results.runs)):
        for content in service.tables(place).values():
            assert encode(content)
        assert encode(service.profiles(place, None)[1]) and encode(service.items(place, {}, 9)[1])


def test_a_part_is_a_benchmark_to_choose_that_the_head_does_not_speak_of(
    collection: Collection, results: JoinedResults, tmp_path: Path
) -> None:
    manifest = tiny_collection(tmp_path / "tiny", ADAPTERS)
    own, tasks = load_collection(manifest), write_tasks(tmp_path)
    write_results(results, own.folder / "results.json")
    whole = ResultsService(own, LinkFields())
    head = (whole.findings(), whole.goals(), whole.tables(0))
    run = write_part_file(own.folder / "results.part.json", own, tasks, 3)
    service = ResultsService(own, LinkFields())
    assert run_choices(service) == [
        *run_choices(whole),
        ("All five adapters on (first items of each task: 3; methods: 3)", "2"),
    ]
    assert (service.findings(), service.goals(), service.tables(0)) == head
    tables = service.tables(2)
    scores, differences = tables["scores"], tables["differences"]
    assert isinstance(scores, ScoreTable) and isinstance(differences, ChartsPanel)
    assert scores.tag == "of a part of the items"
    assert [column.detail for column in scores.columns[:4]] == ["3 items"] * 3 + ["1 item"]
    assert [row.heading.text for row in scores.rows[:3]] == ["Static", "Sum", "qa-FLoRA"]
    assert [chart.name for chart in differences.charts] == ["qa-flora", "sum", "oracle-pair"]
    assert tables["routing"] == head[2]["routing"]
    assert service.profiles(2, None)[0] == "qa-flora"
    _, items = service.items(2, {"outcome": "all"}, 99)
    assert len(items.items) == sum(len(task.items) for task in run.tasks)
    unlimited = replace(run, settings=replace(run.settings, limit=None))
    assert service.names.part(unlimited) == "all five adapters on (items: 10; methods: 3)"


def _pairs(link: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(link, keep_blank_values=True)
