"""Every state of the page: nothing for axe to find, and no scrolling sideways on a phone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import COLOURS, NO_ANSWERS, Open, Site, ask, settled, violations
from tests.browser.layout import overlaps, triangles

pytestmark = pytest.mark.browser


def _fine(page: Page, rules: Sequence[str] | None) -> None:
    assert violations(page, rules) == []
    assert overlaps(page) == []
    folds = triangles(page)
    assert len(folds) >= 3
    for fold in folds:  # closed, it points to the words; open, down to what it shows
        assert fold["before"] and fold["turn"] == (0 if fold["open"] else -90), fold
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 375)])
def test_axe_finds_nothing_in_any_state(site: Site, visit: Open, dark: bool, width: int) -> None:
    page = visit(site.address + NO_ANSWERS, dark=dark, width=width)
    # A theme changes colours alone, and a phone's width is checked once with each.
    rules = (*COLOURS, "target-size") if dark else None
    ask(page, "How many apples?")
    settled(page)
    if width < 760:
        page.get_by_role("button", name="Adapters, lens and answers").click()
    page.locator("#show").get_by_label("What-if").check()
    expect(page.locator("#brush-weight")).to_be_visible()
    page.locator("#history summary").click()
    page.get_by_role("button", name="More view settings").click()
    page.get_by_role("button", name="Answer settings").click()
    _fine(page, rules)
    # Compared with a pin.
    page.click("#pin")
    page.locator("#adapters").get_by_label("Math").uncheck()
    ask(page, "How many pears?")
    expect(page.locator("#history summary")).to_have_text("History: 2 runs")
    settled(page)
    page.locator("#show").get_by_label("Difference from pin").check()
    expect(page.locator("#grid h2")).to_have_text("Change from the pinned run by layer")
    if not dark:
        _fine(page, rules)
    # All that is read on demand.
    page.get_by_role("button", name="Robustness checks").click()
    page.fill("#variant-lines textarea", "How many apples")
    page.click("#check-variants")
    expect(page.locator("#variants h2")).to_contain_text("variants")
    expect(page.locator("#every-token")).to_be_enabled()
    page.click("#every-token")
    expect(page.locator("#tokens h2")).to_contain_text("at every token")
    expect(page.locator("#ask")).to_be_enabled()
    if not dark:
        _fine(page, rules)
    # The same as tables.
    for name in ("profile", "tokens", "variants"):
        page.locator(f"#{name}").get_by_role("button", name="Show the numbers").click()
        expect(page.locator(f"#{name} td").first).to_be_visible()
    _fine(page, rules)
