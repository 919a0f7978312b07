"""The runs that a browser remembers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import HOSTILE, NO_ANSWERS, Open, Site, ask, settled, violations

pytestmark = pytest.mark.browser

KEY = "fusion-lens-history"
LINK = "q=How+many%3F&seed=1&answers=&alone="


def _open(page: Page) -> None:
    page.locator("#history summary").press("Enter")
    expect(page.locator("#history .runs")).to_be_visible()


def test_runs_are_kept_reopened_removed_and_cleared(site: Site, visit: Open) -> None:
    page = visit(f"{site.address}{NO_ANSWERS}&lens=raw")
    expect(page.locator("#history details")).to_be_hidden()
    ask(page, "How many apples?")
    settled(page)
    page.locator("#lens").get_by_label("Normalised").check()
    expect(page.locator("#grid .note")).to_contain_text("norm lens")
    ask(page, f"{HOSTILE}\u202e")
    summary = page.locator("#history summary")
    expect(summary).to_have_text("History: 2 runs")
    settled(page)
    # A new look at a run is no new run, and its entry leads to that look: also where a question
    # that could not be asked came between.
    ask(page, " ")
    settled(page, "error")
    page.locator("#lens").get_by_label("Raw · paper").check()
    newest = page.locator("#history .runs li").first
    expect(newest).to_contain_text("Lens: Raw · paper")
    expect(newest).to_contain_text(HOSTILE)
    expect(summary).to_have_text("History: 2 runs")

    page.close()
    page = visit(site.address, beside=page)
    summary = page.locator("#history summary")
    site.calls.clear()
    _open(page)
    links = page.locator("#history .runs a")
    assert links.all_inner_texts() == [f"{HOSTILE}⟨202E⟩", "How many apples?"]
    assert page.title() == "Fusion Lens" and violations(page) == []
    links.nth(1).press("Enter")
    expect(page.locator("#query textarea")).to_have_value("How many apples?")
    expect(links).to_have_text(["How many apples?", f"{HOSTILE}⟨202E⟩"])
    settled(page)
    expect(summary).to_be_focused()
    assert page.locator("#lens").get_by_label("Normalised").is_checked()
    assert site.calls == ["trace"]

    _open(page)
    buttons = page.locator("#history .runs button")
    buttons.first.press("Enter")
    expect(links).to_have_count(1)
    expect(buttons).to_be_focused()
    kept = json.loads(page.evaluate(f"localStorage.getItem('{KEY}')"))
    assert len(kept) == 1 and set(kept[0]) == {"link", "at"}
    clear = page.get_by_role("button", name="Clear history")
    clear.press("Enter")
    expect(page.get_by_role("group", name="Delete this run?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(clear).to_be_focused()
    expect(links).to_have_count(1)
    clear.press("Enter")
    page.get_by_role("button", name="Delete", exact=True).press("Enter")
    expect(page.locator("#history details")).to_be_hidden()
    expect(page.locator("#query textarea")).to_be_focused()
    assert page.evaluate(f"localStorage.getItem('{KEY}')") == "[]"


def test_only_what_can_be_a_run_is_taken_from_the_storage(site: Site, visit: Open) -> None:
    page = visit(site.address, width=375)
    beside = page.context.new_page()
    beside.goto(f"{site.address}config")

    def remember(stored: str) -> None:
        beside.evaluate("([key, text]) => localStorage.setItem(key, text)", [KEY, stored])

    box = page.locator("#history details")
    for nothing in ("{", "null", "7", '{"link": "q=a"}', '[null, 1, "x", [], {}]'):
        remember(json.dumps([{"link": LINK, "at": 0}]))
        expect(box).to_be_visible()
        remember(nothing)
        expect(box).to_be_hidden()
    hostile = "q=" + "🙂" * 1000 + "%00&lens=<script>&to=%E0%A4%A&answers=&alone="
    stored: list[Any] = [
        {"link": "javascript:alert(1)", "at": 1},
        {"link": LINK, "at": 1e99},
        {"link": LINK, "at": "now"},
        {"link": "q=" + "x" * 50_000, "at": 1},
        {"link": hostile, "at": 2},
        {"link": LINK, "at": 3, "more": "<img src=x onerror=alert(1)>"},
        {"link": LINK, "at": 4},
        *({"link": f"q={number}", "at": 5} for number in range(100)),
    ]
    remember(json.dumps(stored))
    page = visit(site.address, width=375, beside=page)
    _open(page)
    links = page.locator("#history .runs a")
    expect(links).to_have_count(20)
    assert links.nth(1).inner_text() == "How many?"
    assert all("/?" in link.evaluate("node => node.href") for link in links.all())
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    # What it leads to is judged on the server, as a permalink is.
    links.nth(1).press("Enter")
    expect(page.locator("#query textarea")).to_have_value("How many?")
    settled(page)
    _open(page)
    links.nth(1).press("Enter")
    expect(page.locator("#query textarea")).to_have_value("🙂" * 1000 + "\u0000")
    settled(page, "error")
    assert page.locator("#lens").get_by_label("Normalised").is_checked()
