"""What visitors can set, and what the page says about it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Site, ask, settled, violations

pytestmark = pytest.mark.browser

QUERY = "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?"


@pytest.fixture
def page(site: Site, visit: Open) -> Page:
    """A page with a run on it."""
    page = visit(site.address)
    for name in ("every-token", "answer-shown", "pin"):
        button = page.locator(f"#{name}")
        expect(button).to_be_disabled()
        expect(button).to_have_attribute("aria-description", "Ask a question first.")
    ask(page, QUERY)
    settled(page)
    expect(page.locator("#every-token")).to_be_enabled()
    assert page.locator("#every-token").get_attribute("title") is None
    site.calls.clear()
    return page


def _choose(page: Page, control: str, option: str) -> None:
    page.locator(f"{control} input").click()
    page.get_by_role("option", name=option).click()


def test_layers_and_the_mean_over_all_tokens_need_no_new_question(site: Site, page: Page) -> None:
    page.get_by_role("button", name="Show as table").click()
    layers = page.get_by_role("textbox", name="Layers")
    layers.fill("1–2")
    layers.press("Enter")
    heads = page.locator("#grid tbody th")
    expect(heads).to_have_count(2)
    assert heads.all_inner_texts() == ["1", "2"]
    expect(page.locator("#grid .note")).to_contain_text("Only layers 1–2 of 3 are shown")
    page.get_by_role("button", name="More view settings").click()
    _choose(page, "#position", "Mean over query tokens")
    expect(page.locator("#grid .note")).to_contain_text("equal weights")
    settled(page)
    expect(page.locator("#tokens .fl-panel")).to_have_attribute("data-drawn", re.compile("-tokens"))
    expect(page.locator("#ask")).to_be_enabled()
    assert site.calls == []
    page.wait_for_function("location.search.includes('at=mean')")
    assert "layers=1" in page.url


def test_the_shown_weights_can_answer(site: Site, page: Page) -> None:
    page.get_by_role("button", name="More view settings").click()
    _choose(page, "#normalisation", "Largest only")
    expect(page.locator("#grid .note")).to_contain_text("largest only")
    page.click("#answer-shown")
    card = page.locator('#answers .card[data-row="shown"]')
    expect(card.locator("h3")).to_have_text("Shown weights")
    settled(page)
    expect(page.locator("#status .detail")).to_contain_text("trace: from the cache")
    for name in ("Math", "img src"):
        _choose(page, "#alone", name)
    page.click("#answer-shown")
    settled(page, "error")
    expect(page.locator("#status [role=alert]")).to_contain_text("You chose 8 answers")
    expect(page.locator("#answers .card")).to_have_count(6)


def test_copies_of_the_selected_adapter_are_tried_on_request(site: Site, page: Page) -> None:
    page.get_by_role("button", name="Robustness checks").click()
    expect(page.locator("#check-copies")).to_be_enabled()
    page.click("#check-copies")
    expect(page.locator("#copies h2")).to_contain_text("beside copies of itself")
    expect(page.locator("#copies .sentence").first).to_contain_text("The zero copy adds nothing")
    settled(page)
    expect(page.locator("#ask")).to_be_enabled()
    assert site.calls == []
    assert violations(page) == []


def test_on_a_phone_the_controls_are_folded_away(site: Site, visit: Open) -> None:
    page = visit(site.address, width=375)
    fold = page.get_by_role("button", name="Adapters, lens and answers")
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(page.locator("#lens")).to_be_hidden()
    fold.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")
    page.locator("#lens").get_by_label("Raw · paper").check()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(fold).to_be_hidden()
    expect(page.locator("#lens")).to_be_visible()
