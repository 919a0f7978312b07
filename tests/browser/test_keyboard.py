"""The whole job by keyboard alone."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SHORT, Open, Site, settled, violations

pytestmark = pytest.mark.browser

_WHERE = """([selector, text]) => {
    const here = document.activeElement;
    const style = getComputedStyle(here);
    const marks = [style, getComputedStyle(here.parentElement ?? here)];
    return {
        there: here.matches(selector) && (!text || here.textContent === text),
        seen: marks.some(one => one.outlineStyle !== "none" && parseFloat(one.outlineWidth) > 0),
        what: here.outerHTML.slice(0, 120),
    };
}"""


def _tab_to(page: Page, selector: str, key: str = "Tab", text: str = "") -> None:
    """Walks to an element with the Tab key; each stop on the way must be seen to have the focus.

    The element must be there first: the page may still be loading it.
    """
    expect(page.locator(selector).filter(has_text=text).first).to_be_attached()
    for _ in range(120):
        page.keyboard.press(key)
        here = page.evaluate(_WHERE, [selector, text])
        if "<body" not in here["what"]:
            assert here["seen"], f"nothing shows the focus on {here['what']}"
        if here["there"]:
            return
    pytest.fail(f"{key} leads to no {selector} {text}")


def _grid_to(page: Page, *keys: str) -> None:
    _tab_to(page, "#grid .figure")
    for key in keys:
        page.keyboard.press(key)


def test_the_whole_job_by_keyboard(site: Site, visit: Open) -> None:
    page = visit(site.address + SHORT)
    why = page.locator("#explanation .fl-panel")

    # Ask.
    _tab_to(page, "#query textarea")
    page.keyboard.type("How many apples?")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator("#query textarea")).to_be_focused()
    # The introduction, closed for good and brought back.
    _tab_to(page, ".fl-intro .close")
    page.keyboard.press("Enter")
    intro = page.get_by_role("region", name="Introduction")
    expect(intro).to_be_hidden()
    expect(page.locator("#grid .figure")).to_be_focused()
    assert page.evaluate("localStorage.getItem('fusion-lens-intro')") == "closed"
    page.get_by_role("button", name="Show the introduction").press("Enter")
    expect(intro.get_by_role("img")).to_be_visible()
    assert page.evaluate("localStorage.getItem('fusion-lens-intro')") is None
    # A term on the label of a control.
    _tab_to(page, "#lens .term")
    tip = page.locator("#fl-tip")
    expect(tip).to_contain_text("The map from the state inside a layer")
    expect(page.locator("#lens .term")).to_have_attribute("aria-describedby", "fl-tip")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    # Change the lens; each choice says what it is.
    _tab_to(page, "#lens input")
    expect(tip).to_contain_text("last normalisation before the output head")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#grid .note")).to_contain_text("raw lens")
    # Select a cell, read why.
    _grid_to(page, "Home", "ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowRight")
    expect(why).to_have_attribute("data-cell", "Layer 1 · Math")
    expect(why.locator(".step").last).to_contain_text("=")
    # Pin.
    _tab_to(page, "#pin")
    page.keyboard.press("Enter")
    expect(page.locator("#pin")).to_have_text("Unpin")
    expect(page.locator("#pin")).to_be_focused()
    # Ask another, with one adapter less, and compare.
    _tab_to(page, "#adapters label:last-child input", "Shift+Tab")
    page.keyboard.press("Space")
    _tab_to(page, "#query textarea", "Shift+Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("How many pears?")
    _tab_to(page, "#ask")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("pears"))
    settled(page)
    expect(page.locator("#ask")).to_be_focused()
    _tab_to(page, "#show input")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#grid h2")).to_have_text("Change from the pinned run by layer")
    expect(page.locator("#grid .sentence")).to_contain_text(
        "Largest differences from “How many apples?”"
    )
    _grid_to(page, "ArrowDown")
    # Export.
    _tab_to(page, "#export button", text="JSON")
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    assert json.loads(saved.value.path().read_bytes())["query"] == "How many pears?"
    # Restore from the permalink.
    _tab_to(page, "#export button", "Shift+Tab", text="Copy link")
    page.keyboard.press("Enter")
    expect(page.locator("#export .message")).to_have_text("Copied the link")
    address = page.evaluate("navigator.clipboard.readText()")
    again = visit(address)
    # The pinned run of the link comes first, and is done before the other begins.
    expect(again.locator("#grid h2")).to_have_text("Change from the pinned run by layer")
    settled(again)
    expect(again.locator("#query textarea")).to_have_value("How many pears?")
    assert again.locator("#lens").get_by_label("Raw · paper").is_checked()
    expect(again.locator("#adapters input:checked")).to_have_count(2)
    # The tour, begun from the bar: it goes on with what is done, and ends at any step.
    again.get_by_role("button", name="Begin the tour").press("Enter")
    tour = again.locator("#tour")
    expect(again.locator("#ask")).to_be_focused()
    expect(tour).to_have_attribute("data-step", "ask")
    again.keyboard.press("Enter")
    expect(tour).to_have_attribute("data-step", "answers")
    settled(again)
    assert violations(again) == []
    _tab_to(again, "#tour .next")
    again.keyboard.press("Enter")
    expect(again.locator("#grid [data-tour]")).to_be_visible()
    _grid_to(again, "ArrowDown")
    expect(tour).to_have_attribute("data-step", "panel")
    assert again.evaluate("localStorage.getItem('fusion-lens-tour')") == "3"
    again.keyboard.press("Escape")
    expect(tour).to_have_count(0)
    assert again.evaluate("localStorage.getItem('fusion-lens-tour')") == "done"
    assert again.locator("[data-tour]").count() == 0
