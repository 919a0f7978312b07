"""What visitors can set, and what the page says about it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Site, ask, settled, violations

pytestmark = pytest.mark.browser

QUERY = "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?"


def _choose(page: Page, control: str, option: str) -> None:
    page.locator(f"{control} input").click()
    page.get_by_role("option", name=option).click()


def test_settings_and_what_the_page_says_about_them(site: Site, visit: Open) -> None:
    # On a phone the controls are folded away.
    page = visit(f"{site.address}?length=8", width=375)
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
    page.locator("#lens").get_by_label("Normalised").check()
    # What needs a run says so.
    for name in ("every-token", "answer-shown", "pin"):
        button = page.locator(f"#{name}")
        expect(button).to_be_disabled()
        expect(button).to_have_attribute("aria-description", "Ask a question first.")
    ask(page, QUERY)
    settled(page)
    expect(page.locator("#every-token")).to_be_enabled()
    assert page.locator("#every-token").get_attribute("title") is None
    # The times have a place of their own below the bar, and a tablet shows all tabs.
    page.locator("#status .times summary").click()
    times = page.locator("#status .detail").bounding_box()
    model = page.locator("#masthead .model").bounding_box()
    assert times and model and times["y"] >= model["y"] + model["height"]
    page.locator("#status .times summary").click()
    page.set_viewport_size({"width": 820, "height": 900})
    expect(page.get_by_role("tab", name="Learn")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 900})
    site.calls.clear()
    # Copies of the selected adapter are tried on request.
    page.get_by_role("button", name="Robustness checks").click()
    expect(page.locator("#check-copies")).to_be_enabled()
    page.click("#check-copies")
    expect(page.locator("#copies h2")).to_contain_text("beside copies of itself")
    expect(page.locator("#copies .sentence").first).to_contain_text("The zero copy adds nothing")
    settled(page)
    expect(page.locator("#ask")).to_be_enabled()
    assert site.calls == []
    assert violations(page) == []
    # The shown weights can answer.
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
    # Layers and the mean over all tokens need no new question.
    site.calls.clear()
    page.get_by_role("button", name="Show as table").click()
    layers = page.get_by_role("textbox", name="Layers")
    layers.fill("1–2")
    layers.press("Enter")
    heads = page.locator("#grid tbody th")
    expect(heads).to_have_count(2)
    assert heads.all_inner_texts() == ["1", "2"]
    # What cannot be used is refused beside the field, and the layers before stay: the number of
    # layers is no layer.
    field = page.locator("#layers")
    for written, remedy in (("3", "the layers are 0–2"), ("middle", "write a range")):
        layers.fill(written)
        layers.press("Enter")
        expect(field).to_contain_text(f"“{written}” cannot be used: {remedy}")
        expect(field).to_contain_text("Layers 1–2 stay shown.")
        expect(layers).to_have_value(written)
        assert heads.all_inner_texts() == ["1", "2"]
    layers.fill("1–2")
    layers.press("Enter")
    expect(field).not_to_contain_text("cannot be used")
    expect(page.locator("#grid .note")).to_contain_text("Only layers 1–2 of 3 are shown")
    _choose(page, "#position", "Mean over query tokens")
    expect(page.locator("#grid .note")).to_contain_text("equal weights")
    expect(page.locator("#tokens .fl-panel")).to_have_attribute("data-drawn", re.compile("-tokens"))
    expect(page.locator("#ask")).to_be_enabled()
    assert site.calls == []
    page.wait_for_function("location.search.includes('at=mean')")
    assert "layers=1" in page.url
    # Another signal, over each adapter's usual one, is read anew and needs neither lens nor metric.
    # The mean gives way then, and the tick counts although it set out with it.
    note = page.locator("#grid .note")
    page.locator("#relative").get_by_label("Relative to each adapter's usual").check()
    expect(note).to_contain_text("over each adapter's usual")
    expect(page.locator("#position input")).to_have_value("Query's last token · paper")
    expect(page.get_by_test_id("toast-body")).to_have_count(0)
    # Chosen again, the mean gives way to a token that can be read, and the page says so.
    _choose(page, "#position", "Mean over query tokens")
    expect(page.locator("#position")).to_contain_text(
        "the two last tokens and their mean alone can be read"
    )
    expect(page.locator("#position input")).to_have_value("Query's last token · paper")
    # So does a token of the prompt: the position that is read stays.
    _choose(page, "#position", "Prompt's last token")
    page.locator("#prompt summary").press("Enter")
    page.locator("#prompt li button").nth(1).click()
    expect(page.locator("#position input")).to_have_value("Prompt's last token")
    expect(page.locator("#prompt li.read")).to_have_count(1)
    expect(page.get_by_test_id("toast-body")).to_have_count(0)
    _choose(page, "#signal", "Size of the change")
    expect(note).to_contain_text("size of the change over each adapter's usual")
    expect(note).to_contain_text("mean over the tokens of the query")
    expect(page.locator("#lens input").first).to_be_disabled()
    page.wait_for_function("location.search.includes('signal=change')")
    assert "relative=" in page.url
