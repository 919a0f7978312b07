"""What the page asks of the model, how it stops it, and that nothing is left of a stopped query."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from analysis.engine import Engine
from analysis.measure.normalisation import normalise
from tests.browser.conftest import NO_ANSWERS, SHORT, Open, Site, ask, settled

pytestmark = pytest.mark.browser


def _choose(page: Page, control: str, option: str) -> None:
    page.locator(f"{control} input").click()
    page.get_by_role("option", name=option).click()


def _as_table(page: Page) -> list[list[float]]:
    page.get_by_role("button", name="Show as table").click()
    rows = page.locator("#grid tbody tr").all()
    return [[float(text) for text in row.locator("td").all_inner_texts()] for row in rows]


def test_the_model_runs_once_for_a_trace_and_once_for_its_answers(site: Site, visit: Open) -> None:
    page = visit(site.address + SHORT)
    ask(page, "One pass for one question?")
    settled(page)
    assert site.calls == ["trace", "answer"] and len(site.passes) == 1

    # Nothing that looks at the run, compares it or takes it away runs the model.
    note = page.locator("#grid .note")
    page.click("#pin")
    expect(page.locator("#pin")).to_have_text("Unpin")
    page.locator("#lens").get_by_label("Raw · paper").check()
    expect(note).to_contain_text("raw lens")
    page.get_by_role("button", name="More view settings").click()
    _choose(page, "#metric", "Hellinger")
    expect(note).to_contain_text("Hellinger")
    _choose(page, "#position", "Prompt's last token")
    expect(note).to_contain_text("last token of the prompt")
    _choose(page, "#normalisation", "Largest only")
    expect(note).to_contain_text("largest only")
    page.locator("#show").get_by_label("Relevance").check()
    expect(page.locator("#grid h2")).to_have_text("Divergence from the base by layer")
    page.locator("#show").get_by_label("Difference from pin").check()
    expect(page.locator("#grid h2")).to_have_text("Change from the pinned run by layer")
    page.focus("#grid .figure")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#explanation .fl-panel")).to_have_attribute(
        "data-cell", re.compile("Layer 1")
    )
    with page.expect_download():
        page.get_by_role("button", name="JSON", exact=True).click()
    assert site.calls == ["trace", "answer"] and len(site.passes) == 1

    page.click("#every-token")
    expect(page.locator("#tokens .fl-panel")).to_be_visible()
    settled(page)
    assert site.calls == ["trace", "answer"] and len(site.passes) == 2

    # The same question again costs the one answer that reads other divergences now; the base's is
    # kept.
    ask(page, "One pass for one question?")
    expect(page.locator("#status .detail")).to_contain_text(re.compile("answers: .* s, 8 tokens"))
    assert site.calls[2:] == ["trace", "answer"] and len(site.passes) == 2


def test_stop_ends_a_trace_at_its_next_layer_and_the_next_is_exact(site: Site, visit: Open) -> None:
    page = visit(site.address + NO_ANSWERS)
    site.layers.hold()
    ask(page, "This trace is stopped.")
    expect(page.locator("#stop")).to_be_enabled()
    site.layers.allow(1)
    expect(page.locator("#status .text")).to_have_text(re.compile("Tracing"))
    page.click("#stop")
    settled(page, "stopped")
    site.layers.free()
    site.watched.wait_until_idle()
    assert site.passes == [2]
    expect(page.locator("#ask")).to_be_enabled()

    query = "And this one is not."
    ask(page, query)
    settled(page)
    assert len(site.passes) == 2 and site.passes[1] == site.engine.layers
    shown = _as_table(page)
    fresh = Engine.load(site.collection)  # holds nothing that the page left in the other engine
    divergence = fresh.divergence(fresh.trace(query))
    for row, expected in zip(shown, normalise(divergence.values_LK).tolist(), strict=True):
        assert row == pytest.approx(expected, abs=0.0051)
