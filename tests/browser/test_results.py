"""The Results tab in a browser, over a small result file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from analysis.models.manifest import load_collection
from tests.browser.conftest import (
    COLOURS,
    HOSTILE,
    NO_ANSWERS,
    Open,
    Site,
    serve,
    settled,
    violations,
)
from tests.made_results import write_part_file, write_result_file, write_tasks
from tests.tiny import tiny_collection

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def results_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("results")
    names = ("math", "spanish", "code", "russian", "medical")
    collection = load_collection(tiny_collection(folder, names, labels={"code": HOSTILE}))
    tasks = write_tasks(folder)
    write_result_file(folder / "results.json", collection, tasks)
    write_part_file(folder / "results.part.json", collection, tasks, 3)
    yield from serve(collection)


# Texts of a forest plot that touch the next one: numbers of its axis, and names of its rows.
_TOUCHING = """name => {
    const boxes = what => [...document.querySelectorAll(`#results-${name} ${what}`)]
        .map(one => one.getBoundingClientRect());
    const numbers = boxes(".xtick text").sort((one, other) => one.left - other.left);
    const names = [...boxes(".ytick text"), ...boxes(".annotation-text")];
    names.sort((one, other) => one.top - other.top);
    return [
        numbers.length < 2 && "one number", !names.length && "no name",
        ...numbers.filter((box, at) => at && numbers[at - 1].right + 3 > box.left),
        ...names.filter((box, at) => at && names[at - 1].bottom > box.top + 2),
        ...names.filter(box => box.left < 0 || box.right > innerWidth),
    ].filter(Boolean);
}"""


def _open(page: Page) -> None:
    page.get_by_role("tab", name="Results").click()


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 375)])
def test_a_visitor_reads_the_results(
    results_site: Site, visit: Open, dark: bool, width: int
) -> None:
    page = visit(results_site.address + NO_ANSWERS, dark=dark, width=width)
    rules = COLOURS if dark else None
    _open(page)
    finding = page.locator("#results-findings .finding")
    expect(finding).to_contain_text("With all five adapters on, qa-FLoRA gives")
    expect(page.locator("#results-findings .goals")).to_contain_text(
        "goals set before are met. Missed:"
    )
    expect(page.locator("#results-goals tbody")).to_contain_text("✗ missed")
    scores = page.locator("#results-scores")
    # Four methods that fuse, five adapters alone, two for reference, under three headings.
    expect(scores.locator("tbody tr")).to_have_count(14)
    expect(scores).to_contain_text(HOSTILE)
    for name in ("differences", "loss-differences", "profiles"):
        expect(page.locator(f"#results-{name} .fl-panel")).to_have_attribute(
            "data-drawn", "0-qa-flora-profile" if name == "profiles" else
            "0-shares" if name == "differences" else "0-losses"
        )  # fmt: skip
    for name in ("differences", "loss-differences"):
        assert page.evaluate(_TOUCHING, name) == []
    # An item opens by the keyboard.
    items = page.locator("#results-items")
    question = items.locator("button.question").first
    question.focus()
    page.keyboard.press("Enter")
    expect(question).to_have_attribute("aria-expanded", "true")
    expect(items.locator(".answer")).to_have_count(2)
    expect(items.locator(".answer .text").first).to_contain_text("static: <b>")
    page.locator("#results-findings summary").click()
    assert violations(page, rules) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    assert page.title() == "Fusion Lens"
    # The plots as tables, and the other benchmark of the file.
    for name in ("differences", "profiles"):
        page.locator(f"#results-{name}").get_by_role("button", name="Show the numbers").click()
    page.get_by_label("The right pair", exact=True).check()
    expect(page.locator("#results-differences .fl-panel tbody tr").first).to_be_visible()
    expect(scores.locator("td", has_text="–").first).to_be_visible()
    assert violations(page, rules) == []
    # A benchmark of a part of the items has tables and plots of its own, and the head stays.
    said = finding.inner_text()
    page.get_by_label("All five adapters on (first items of each task: 3; methods: 3)").check()
    expect(scores.locator(".tag")).to_have_text("of a part of the items")
    expect(scores.locator("thead")).to_contain_text("Spanish · Math 3 items")
    expect(finding).to_have_text(said)
    if dark:
        return
    # The headings of a long table stay in sight.
    page.get_by_label("All five adapters on", exact=True).check()
    expect(scores.locator("tbody tr")).to_have_count(14)
    scores.locator("tbody tr").nth(7).evaluate("row => row.scrollIntoView({ block: 'start' })")
    expect(scores.locator("thead")).to_be_in_viewport()
    top = "document.querySelector('#results-scores thead').getBoundingClientRect().top"
    page.wait_for_function(f"Math.abs({top}) < 1")  # no row shows above them
    # Items are added, and open in Explore.
    expect(items.locator("button.question")).to_have_count(20)
    items.get_by_role("button", name="more").click()
    expect(items.locator("button.question")).to_have_count(40)
    page.get_by_label("Outcome").click()
    page.get_by_role("option", name="Both are right").click()
    expect(items.locator(".mark[data-outcome=wrong]")).to_have_count(0)
    question = items.locator("button.question").first
    asked = question.locator(".asked").inner_text()
    question.click()
    with page.context.expect_page() as opened:
        items.get_by_role("link", name="Open in Explore").click()
    explore = opened.value
    expect(explore.locator("#query textarea")).to_have_value(asked)
    settled(explore)


def test_without_a_file_the_page_says_how_to_make_one(site: Site, visit: Open) -> None:
    page = visit(site.address + NO_ANSWERS, width=375)
    _open(page)
    findings = page.locator("#results-findings")
    expect(findings).to_contain_text("There are no results for this collection yet")
    expect(findings.locator("pre")).to_contain_text("--join")
    expect(page.locator("#results-scores")).to_have_count(0)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_a_goal_begins_with_a_capital_letter_in_another_language(
    results_site: Site, visit: Open
) -> None:
    page = visit(results_site.address + NO_ANSWERS + "&language=fr")
    page.get_by_role("tab", name="Résultats").click()
    goals = page.locator("#results-goals tbody th")
    expect(page.locator("#results-run")).to_contain_text(
        "Les cinq adaptateurs activés (premiers exercices de chaque tâche : 3 ; méthodes : 3)"
    )
    expect(goals.first).to_have_text("Au moins 20 points au-dessus de la fusion statique")
