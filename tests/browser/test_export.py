"""Takes a run elsewhere: permalinks and files."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import HOSTILE, SHORT, Open, Site, ask, settled

pytestmark = pytest.mark.browser

QUERY = "María tiene 3 manzanas y compra 5 más. ¿Cuántas manzanas tiene?"


def test_link_restores_query_and_settings(site: Site, visit: Open) -> None:
    page = visit(
        f"{site.address}{SHORT}&weigh=softmax&softness=0.5&temperature=0.7&seed=3&show=what-if"
    )
    # What a link sets can be changed where it has an effect.
    page.get_by_role("button", name="More view settings").click()
    page.get_by_role("button", name="Answer settings").click()
    for control in ("#softmax-temperature", "#top-p", "#seed", "#brush-weight"):
        expect(page.locator(f"{control} input").first).to_be_enabled()
    page.locator("#lens").get_by_label("Raw · paper").check()
    page.locator("#adapters").get_by_label("Math").uncheck()
    ask(page, QUERY)
    settled(page)
    table = "#grid tbody"
    page.get_by_role("button", name="Show as table").click()
    numbers = page.inner_text(table)
    address = page.url
    assert "lens=raw" in address and "softness=0.5" in address and "__theme=light" in address
    # Where the page may not write to the clipboard it copies otherwise, or says that it cannot.
    said = page.locator("#export .message")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { get: () => window.no })")
    page.click("text=Copy link")
    expect(said).to_have_text("Copied the link")
    page.evaluate("document.execCommand = () => false")
    page.click("text=Copy link")
    expect(said).to_contain_text("does not allow copying")

    again = visit(address)
    settled(again)
    assert again.input_value("#query textarea") == QUERY
    assert again.locator("#lens").get_by_label("Raw · paper").is_checked()
    assert not again.locator("#adapters").get_by_label("Math").is_checked()
    again.get_by_role("button", name="Show as table").click()
    assert again.inner_text(table) == numbers


def test_hostile_link_is_shown_as_text_and_explained(site: Site, visit: Open) -> None:
    given = {"q": f"{HOSTILE}\u202e", "lens": "<script>", "temperature": "nan"}
    page = visit(f"{site.address}?{urlencode(given)}")
    settled(page)
    assert page.input_value("#query textarea") == given["q"]
    assert page.locator("#lens").get_by_label("Normalised").is_checked()
    page.locator("#prompt summary").click()
    expect(page.locator("#prompt .tokens")).to_contain_text("⟨E2⟩⟨80⟩⟨AE⟩")
    assert page.title() == "Fusion Lens"


def test_link_without_a_query_asks_nothing(site: Site, visit: Open) -> None:
    page = visit(f"{site.address}?lens=oops")
    expect(page.locator("#status")).to_contain_text("The value of lens in the link is not valid")
    expect(page.locator("#ask")).to_have_text("Ask")
    assert site.calls == []


def test_files_are_saved(site: Site, visit: Open) -> None:
    page = visit(site.address + SHORT)
    expect(page.get_by_role("button", name="JSON")).to_be_hidden()
    ask(page, f"{HOSTILE} {QUERY}")
    settled(page)
    for kind in ("JSON", "CSV", "Web page", "Python", "PNG", "SVG"):
        content = _saved(page, kind)
        match kind:
            case "JSON":
                assert len(json.loads(content)["weights"]) == site.engine.layers
            case "PNG":
                assert content.startswith(b"\x89PNG")
            case "SVG":
                assert b"<svg" in content and b"<img" not in content
            case "Web page":
                assert b"&lt;img src=x" in content and b"<img" not in content
            case _:
                assert b"layer" in content
    # A second time works as well as the first.
    assert _saved(page, "CSV") and _saved(page, "PNG")


def _saved(page: Page, kind: str) -> bytes:
    """The content of a file that the page saves."""
    with page.expect_download() as saved:
        page.get_by_role("button", name=kind, exact=True).click()
    return saved.value.path().read_bytes()
