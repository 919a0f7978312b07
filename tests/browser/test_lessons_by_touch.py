"""All lessons by touch on a tablet in Spanish, with a look at each step in the other languages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, Visitors, violations
from tests.browser.lesson_answers import LESSONS, number_asked

pytestmark = pytest.mark.browser

ALSO = {"adapter": "fr", "layer": "de"}
"""The lessons that are read in another language, too: each language sees each step."""


_SHOWN = """[
    document.querySelector('#lesson .feedback')?.dataset.verdict,
    ...[...document.querySelectorAll('#lesson input, #lesson textarea')].map(one => one.type),
]"""
"""The verdict of a check, and the kinds of its fields."""


def _look(page: Page, step: str, also: str | None, seen: set[str]) -> list[str]:
    """What axe finds in a step in Spanish, and then in another language; Spanish stays.

    Args:
        page: The page.
        step: The step.
        also: The other language, if any.
        seen: The steps whose colours were checked before, each with its fields and verdict. Lessons
            share their styles, but for results, which each lesson draws in its own way.
    """
    expect(page.locator(".learn-page")).to_have_attribute("data-step", step)
    shown = f"{step} {page.evaluate(_SHOWN)}"
    contrast = step == "run" or shown not in seen
    seen.add(shown)
    found = violations(page, within="#lesson", contrast=contrast)
    for language in (also, "es") if also else ():
        page.select_option("#lesson .side select", language)
        expect(page.locator("#lesson > * .fl-panel")).to_have_attribute("lang", language)
        if language == also:
            other = violations(page, within="#lesson", contrast=False)
            found += [f"{language}: {one}" for one in other]
    return found


def _check(page: Page, also: str | None, seen: set[str]) -> list[str]:
    """Answers a check wrong with all hints, then right; gives what axe finds on the way."""
    primary, verdict = page.locator("#lesson .primary"), page.locator("#lesson .feedback")
    field, tiles = page.locator("#check-number"), page.locator("#lesson .tile")
    chosen = page.locator("#lesson .tile :checked")
    several = page.locator("#lesson .tile input[type=checkbox]").count() > 0
    if field.count():
        field.fill("7,5")
    else:
        tiles.last.tap()
    # What is chosen and not sent stays, in other languages and beside a hint.
    troubles = _look(page, "check", also, seen)
    page.tap("#lesson .hints button")
    expect(page.locator("#lesson .hints li")).to_have_count(1)
    if field.count():
        expect(field).to_have_value("7,5")
    else:
        expect(chosen).to_have_count(1)
        expect(tiles.last.locator("input")).to_be_checked()
    primary.tap()
    expect(verdict).to_be_focused()
    for place in (1, 2):
        if verdict.get_attribute("data-verdict") != "yes":
            page.tap("#lesson .hints button")
            expect(page.locator("#lesson .hints li")).to_have_count(place + 1)
            primary.tap()  # the same answer again
            expect(verdict).to_be_focused()
    troubles += _look(page, "check", also, seen)
    if verdict.get_attribute("data-verdict") != "yes" and field.count():
        field.fill(number_asked(page, "es"))
        primary.tap()
        expect(verdict).to_be_focused()
    # One tile after the other; or each set of the three tiles, of which the last is chosen.
    for place in () if field.count() else (0, 1, 0, 2, 1, 0, 1) if several else range(6):
        if verdict.get_attribute("data-verdict") == "yes":
            break
        tiles.nth(place).tap()
        primary.tap()
        expect(verdict).to_be_focused()
    expect(verdict).to_have_attribute("data-verdict", "yes")
    return troubles


def test_all_lessons_by_touch(site: Site, chromium: Browser, visitors: Visitors) -> None:
    visitors.trouble.clear()
    context = chromium.new_context(
        has_touch=True, viewport={"width": 820, "height": 1180}, locale="es-MX"
    )
    page = visitors.watched(context.new_page())
    primary = page.locator("#lesson .primary")
    troubles: list[str] = []
    seen: set[str] = set()
    page.goto(f"{site.address}?lesson={LESSONS[0]}")
    for lesson in LESSONS:
        expect(page.locator("#lesson h2")).to_be_focused()
        expect(page).to_have_url(re.compile(f"lesson={lesson}(&|$)"))
        also = ALSO.get(lesson)
        troubles += _look(page, "idea", also, seen)
        primary.tap()
        page.tap("#lesson .tile >> nth=0")
        troubles += _look(page, "predict", also, seen)
        expect(page.locator("#lesson .tile >> nth=0").locator("input")).to_be_checked()
        primary.tap()
        expect(page.locator("#lesson .compared")).to_be_visible()
        primary.tap()
        expect(page.locator("#lesson .result")).to_be_focused()
        troubles += _look(page, "run", also, seen)
        primary.tap()
        primary.tap()  # too soon: nothing is written yet
        expect(page.locator("#lesson .warning")).to_have_text(re.compile("^Escribe primero"))
        page.fill("#explanation-text", "Suma las diferencias.")
        primary.tap()
        expect(page.locator("#lesson .good h3")).to_be_focused()
        troubles += _look(page, "explain", also, seen)
        primary.tap()
        troubles += _check(page, also, seen)
        primary.tap()
        troubles += _look(page, "further", also, seen)
        assert page.evaluate("document.documentElement.scrollWidth") <= 820
        # Two taps at once: the lesson ends, and the next begins.
        primary.tap()
        primary.tap()
    expect(page.locator("#lesson .lessons [data-done='1']")).to_have_count(6)
    assert troubles == []
    assert not visitors.trouble
    context.close()
