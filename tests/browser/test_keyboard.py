"""The whole job by keyboard alone."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SHORT, Open, Site, settled

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
    """Walks to an element with the Tab key; each stop on the way must be seen to have the focus."""
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
    # Change the lens.
    _tab_to(page, "#lens input")
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
    settled(again)
    expect(again.locator("#query textarea")).to_have_value("How many pears?")
    assert again.locator("#lens").get_by_label("Raw · paper").is_checked()
    expect(again.locator("#adapters input:checked")).to_have_count(2)
