"""Panels on their own: what they show of data that a run seldom brings, or brings too late."""

from __future__ import annotations

import dataclasses
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from analysis.inference.decoding.steps import Step, Token
from app.state.answer import Heading, Verdict
from app.state.answer_stream import AnswerStream
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot
from app.views.grid import grid_views
from app.views.grid.grid_panel import GridPanel, grid_panel
from app.views.masthead_panel import MastheadPanel
from app.widgets.panels import encode
from tests.browser.conftest import NO_ANSWERS, Open, Site, Visitors, ask, violations

pytestmark = pytest.mark.browser

_MOUNT = """kind => {
    document.getElementById("own")?.remove();
    const root = document.createElement("div");
    root.className = `fl fl-${kind}`;
    root.id = "own";
    root.innerHTML = '<div class="fl-panel"></div>';
    document.querySelector(".gradio-container").prepend(root);
    const props = {};
    FusionLens.mount(kind, root, props, () => {}, (name, callback) => {
        window.give = (value) => { props.value = value; callback(); };
    });
}"""


def _panel(page: Page, kind: str) -> Locator:
    page.evaluate(_MOUNT, kind)
    return page.locator("#own")


def _give(page: Page, value: object) -> None:
    page.evaluate("value => give(value)", encode(value))


def _stream(run: int, *steps: tuple[Token, ...]) -> AnswerStream:
    answer_stream = AnswerStream(
        run, [Heading("base", "Base", "No adapter."), Heading("static", "Static")], 0
    )
    for index, tokens in enumerate(steps):
        answer_stream.push(Step(index, tokens))
    return answer_stream


def test_panels_show_what_they_are_given(site: Site, visit: Open) -> None:
    page = visit(site.address)
    # Answers show each token and the first difference without a mouse.
    panel = _panel(page, "answers")
    first = Token(0, 5, "a", "a", 0.5, None), Token(1, 5, "a", "a", 0.25, None)
    then = Token(0, 6, " b", " b", 0.5, None), Token(1, 1, "<eos>", "", 0.125, "end token")
    _give(page, _stream(2, first, then).panel())
    card = panel.locator(".card").nth(1)
    # The first difference is a token without text, and still visible.
    mark = card.locator(".t.first-difference")
    expect(mark).to_have_text("")
    style = "one => getComputedStyle(one, '::before').content"
    assert mark.evaluate(style) == '"<eos>"'
    card.locator(".text").focus()
    for key in ("ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    said = "<eos> 12.5% · first difference from the Base answer"
    expect(card.locator(".token")).to_have_text(said)
    panel.locator(".card").first.locator(".t").first.click()
    expect(panel.locator(".card").first.locator(".token")).to_have_text("a 50.0%")
    # What a method is comes on hover, focus and tap.
    panel.locator("h3 .term").first.focus()
    expect(page.locator("#fl-tip")).to_have_text("No adapter.")

    # A verdict without room can be read in the grown card.
    panel = _panel(page, "answers")
    panel.evaluate("root => (root.style.width = '240px')")
    wrong = _stream(2, first, then)
    wrong.finish("done")
    wrong.judge(lambda answer: Verdict(False, "wrong number and not in Spanish"))
    _give(page, wrong.panel())
    more = panel.locator(".card .more").first
    more.click()
    verdict = panel.locator(".card .verdict").first
    assert verdict.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    more.click()
    panel.evaluate("root => (root.style.width = '')")

    # What a newer request has replaced does not come back; another session's beginning does.
    late = _stream(1, first)
    late.finish("stopped")
    _give(page, late.panel())
    expect(panel.locator(".t")).to_have_count(4)
    _give(page, _stream(1).panel())
    expect(panel.locator(".t")).to_have_count(0)

    # A selection stays where the keys have gone meanwhile.
    weights = ((0.5, 0.5), (0.4, 0.6), (0.3, 0.7))
    snapshot = Snapshot(
        "1", "q", ("a", "b"), ("A", "B"), weights, weights, (0.5,) * 3, ViewSettings()
    )

    def shown(cell: tuple[int, int], run: str = "1") -> GridPanel:
        seen = grid_views.grid_view(dataclasses.replace(snapshot, number=f"{run}-norm"))
        return dataclasses.replace(grid_panel(seen, cell), note=f"{run} {cell}")

    panel = _panel(page, "grid")
    _give(page, shown((0, 0)))
    panel.get_by_role("button", name="Show as table").click()
    panel.locator(".table").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    selected = panel.locator("td.selected")
    expect(selected).to_have_text("0.70")
    _give(page, shown((1, 0)))  # what the first of these keys asked for
    expect(panel.locator(".note")).to_have_text("1 (1, 0)")
    expect(selected).to_have_text("0.70")
    _give(page, shown((1, 0), "2"))
    expect(selected).to_have_text("0.40")
    # Replies to two strokes may overtake each other: the older one draws nothing.
    for moment in (12, 11):
        painted = dataclasses.replace(shown((1, 0), "2"), note=f"at {moment}", moment=moment)
        _give(page, painted)
    expect(panel.locator(".note")).to_have_text("at 12")

    # Screen readers get each step and not every percent.
    panel = _panel(page, "masthead")
    announced = panel.locator("[role=status]")
    for share in (0.1, 0.2):
        _give(page, MastheadPanel("c: d", "c", "reading", share, "loading"))
        expect(panel.locator(".state")).to_have_text(f"reading {share:.0%}")
        expect(announced).to_have_text("reading")
    # What went wrong is there in full, in a line of its own.
    _give(page, MastheadPanel("c: d", "c", "no such file: " + "long/" * 60, 1.0, "failed"))
    fault = panel.get_by_role("alert")
    expect(fault).to_contain_text("no such file")
    assert fault.evaluate("one => one.scrollWidth <= one.clientWidth")
    box, title = fault.bounding_box(), panel.locator("h1").bounding_box()
    assert box and title and box["y"] + box["height"] <= title["y"]


def test_without_its_script_a_picture_says_so_and_the_numbers_are_there(
    site: Site, visit: Open, visitors: Visitors
) -> None:
    script = re.compile("fusion-lens/plotly")
    visitors.coming().context.route(script, lambda route: route.fulfill(body=""))
    page = visit(site.address + NO_ANSWERS)
    ask(page, "How many apples?")
    for name in ("grid", "profile"):
        expect(page.locator(f"#{name} .figure")).to_contain_text("cannot be drawn")
    page.get_by_role("button", name="Show the numbers").click()
    expect(page.locator("#profile tbody tr")).to_have_count(site.engine.layers)
    page.get_by_role("button", name="Show as table").click()
    expect(page.locator("#grid tbody tr")).to_have_count(site.engine.layers)
    assert violations(page) == []
