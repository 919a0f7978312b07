"""The Methods tab in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from analysis.methods import methods
from tests.browser.conftest import NO_ANSWERS, SHORT, Open, Site, ask, settled, violations

pytestmark = pytest.mark.browser


def test_an_answer_leads_to_its_method_in_the_list(site: Site, visit: Open) -> None:
    page = visit(site.address + SHORT, dark=True, width=375)
    ask(page, "¿Cuántas manzanas?")
    settled(page)
    page.get_by_role("button", name="About the method qa-FLoRA").click()
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


def test_methods_are_searched_by_typing(site: Site, visit: Open) -> None:
    page = visit(site.address + NO_ANSWERS)
    box = page.locator("#methods input")
    box.click()
    box.press_sequentially("arr")
    page.get_by_role("option", name="Arrow").click()
    expect(page.locator("#methods .token")).to_have_text(["Arrow"])
