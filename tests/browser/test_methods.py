"""The Methods and Adapters tabs in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from analysis.methods import methods
from tests.browser.conftest import SHORT, Open, Site, ask, settled, violations

pytestmark = pytest.mark.browser


def test_methods_and_adapters_are_shown_for_what_they_are(site: Site, visit: Open) -> None:
    page = visit(site.address + SHORT, dark=True, width=375)
    # Methods are searched by typing.
    page.get_by_role("button", name="Adapters, lens and answers").click()
    box = page.locator("#methods input")
    box.click()
    box.press_sequentially("arr")
    page.get_by_role("option", name="Arrow").click()
    expect(page.locator("#methods .token")).to_have_text(["Base", "qa-FLoRA", "Arrow"])
    # An answer leads to its method in the list.
    ask(page, "¿Cuántas manzanas?")
    settled(page)
    page.locator("#answers").get_by_role("button", name="About the method qa-FLoRA").click()
    heading = page.get_by_role("heading", name="qa-FLoRA", exact=True)
    expect(heading).to_be_focused()
    expect(heading).to_be_in_viewport()
    listed = page.locator("#methods-list")
    # The tiny collection has no fitted files.
    learnt = [method for method in methods().values() if method.fit is not None]
    assert learnt
    runs = listed.locator(".state[data-state=runs]")
    expect(runs).to_have_count(len(methods()) - len(learnt))
    expect(listed.get_by_role("link", name="arXiv 2404.13628")).to_have_attribute(
        "href", "https://arxiv.org/abs/2404.13628"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert violations(page) == []
    # Each adapter is shown for what it is, in the other theme.
    page.get_by_role("button", name="Switch between light and dark").click()
    page.evaluate("FusionLens.openTab('Adapters')")
    cards = page.locator("#adapters-list .adapter")
    expect(cards).to_have_count(len(site.collection.adapters))
    expect(cards.first).to_contain_text("LoRA, rank 4, alpha 8, scaling 2")
    expect(cards.first.get_by_role("img")).to_have_count(1)
    # Visitors of this server may not add adapters.
    expect(page.locator("#adapter-place")).to_have_count(0)
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert violations(page) == []
