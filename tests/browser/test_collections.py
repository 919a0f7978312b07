"""Two collections on one server: each keeps its own runs, and a link leads to the right one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from analysis.engine import Engine
from analysis.models.collection import Collection
from analysis.models.manifest import load_collection
from app.page import build_page
from app.server.pages import Pages
from tests.browser.conftest import SHORT, Open, ask, settled
from tests.browser.sites import serve_pages
from tests.tiny import tiny_collection

pytestmark = pytest.mark.browser

QUERY = "How many apples?"


def _collection(folder: Path, name: str, adapters: tuple[str, ...]) -> Collection:
    return replace(load_collection(tiny_collection(folder, adapters)), name=name, title=name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of the pages of two collections on one server."""
    folder = tmp_path_factory.mktemp("two")
    first = _collection(folder / "one", "one", ("spanish", "math", "code"))
    second = _collection(folder / "two", "two", ("math", "medical"))
    pages = Pages(
        lambda one, progress, beside: Engine.load(one, progress, beside=beside), build_page
    )
    for address in serve_pages(pages, first, second):
        yield address, f"{address.rstrip('/')}{pages.address_of('two')}"


def _columns(page: Page) -> list[str]:
    if page.locator("#grid .table").is_hidden():
        page.get_by_role("button", name="Show as table").click()
    return page.locator("#grid thead th").all_inner_texts()[1:]


def test_a_painted_exercise_is_shared_and_opens_in_its_own_collection(
    server: tuple[str, str], visit: Open
) -> None:
    address, other = server
    page = visit(address + SHORT)
    ask(page, QUERY)
    settled(page)
    page.locator("#show").get_by_label("What-if").check()
    page.get_by_role("button", name="All adapters alike, 1/3 each").click()
    page.get_by_role("button", name="Show as table").click()
    expect(page.locator("#grid tbody td").first).to_have_text("0.33")
    page.focus("#grid .table")
    for key in ("Home", "ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")  # paints this one cell with the brush
    expect(page.locator("#grid tbody tr").nth(1).locator("td").nth(1)).to_have_text("1.00")
    why = page.locator("#explanation .fl-panel")
    expect(why).to_have_attribute("data-cell", "Layer 1 · Math")
    expect(page).to_have_url(re.compile("cell=1.math"))
    painted = page.locator("#grid tbody").inner_text()
    page.get_by_role("button", name="Switch between light and dark").click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#export .message")).to_have_text("Copied the link")
    link = page.evaluate("navigator.clipboard.readText()")
    assert "collection=one" in link

    # Also where somebody puts it behind the address of another collection's page.
    for place in (address, other):
        again = page.context.new_page()
        again.goto(f"{place}?{urlsplit(link).query}")
        expect(again).to_have_url(re.compile(f"^{re.escape(address)}"))
        settled(again)
        expect(again.locator("#show").get_by_label("What-if")).to_be_checked()
        expect(again.locator("#explanation .fl-panel")).to_have_attribute(
            "data-cell", "Layer 1 · Math"
        )
        again.get_by_role("button", name="Show as table").click()
        assert again.locator("#grid tbody").inner_text() == painted
        assert again.evaluate("document.body.classList.contains('dark')")
        again.close()


def test_a_collection_is_chosen_and_each_keeps_its_own_runs(
    server: tuple[str, str], visit: Open
) -> None:
    address, other = server
    page = visit(f"{address}{SHORT}&lens=raw", dark=True)
    ask(page, QUERY)
    settled(page)
    expect(page.locator("#history summary")).to_have_text("History: 1 run")
    asked = page.url
    picker = page.get_by_role("combobox", name="Collection")
    picker.select_option("two")
    page.wait_for_url(f"{other}*")
    # Another base: no run, no history and the settings of this collection, in the same colours.
    expect(page.locator("#adapters label")).to_have_text(["Math", "Medical"])
    expect(page.locator("#lens").get_by_label("Normalised")).to_be_checked()
    expect(page.locator("#history details")).to_be_hidden()
    assert page.evaluate("document.body.classList.contains('dark')")
    ask(page, "How many pears?")
    expect(page.locator("#history summary")).to_have_text("History: 1 run")
    settled(page)
    assert _columns(page) == ["Math", "Medical"]
    # Back leads to where the visitor was, with the run and its settings.
    page.go_back()
    page.wait_for_url(asked)
    settled(page)
    expect(page.locator("#query textarea")).to_have_value(QUERY)
    expect(page.locator("#lens").get_by_label("Raw · paper")).to_be_checked()
    assert _columns(page) == ["Spanish", "Math", "Code"]
    expect(page.locator("#history summary")).to_have_text("History: 1 run")
