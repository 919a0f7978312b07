"""The first view, painted before any of the page's scripts has run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.models.manifest import load_collection
from app.page import build, content_of, launch_options
from app.server.loader import Loader
from tests.browser.conftest import Open

pytestmark = pytest.mark.browser

# Of the bundled collection, whose stored example needs no model.
_PLACES = """selectors => selectors.map(selector => {
    const { x, y, width } = document.querySelector(selector).getBoundingClientRect();
    return [x, y, width];
})"""

_PAINTED = "performance.getEntriesByName('first-contentful-paint')"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    def never(progress: object) -> object:
        raise AssertionError("no model is loaded here")

    collection = load_collection()
    content = content_of(collection)
    demo = build(content, Loader(never))  # type: ignore[arg-type]
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(content))
    yield address
    demo.close()


def _bare(chromium: Browser, address: str, width: int, theme: str) -> Page:
    """The page in a browser where its scripts never come."""
    page = chromium.new_context(viewport={"width": width, "height": 900}).new_page()
    page.route("**/assets/*.js", lambda route: route.abort())
    page.goto(f"{address}?__theme={theme}", wait_until="domcontentloaded")
    return page


@pytest.mark.parametrize("width", [1280, 375])
def test_the_example_is_there_within_a_second_and_a_half(
    chromium: Browser, address: str, visit: Open, width: int
) -> None:
    places = [".fl-masthead h1", ".query", ".fl-grid h2", ".fl-grid .sentence", ".cells", ".card"]
    paints = []
    for _ in range(2):
        # Each with a cache of its own; the quickest of them, since the machine may be busy.
        page = _bare(chromium, address, width, "light")
        expect(page.locator("#first-paint .cells i")).to_have_count(18 * 6)
        page.wait_for_function(f"{_PAINTED}.length")
        paints.append(page.evaluate(f"{_PAINTED}[0].startTime"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        early = page.evaluate(_PLACES, [f"#first-paint {place}" for place in places])
        page.context.close()
    assert min(paints) < 1500

    page = visit(address, width=width)
    expect(page.locator("#grid .fl-panel")).to_have_attribute("data-drawn", "stored")
    expect(page.locator("#first-paint")).to_have_count(0)
    places[1], places[4] = "#query textarea", "#grid .figure"
    late = page.evaluate(_PLACES, places)
    # Nothing jumps when the page takes over.
    for before, after in zip(early, late, strict=True):
        assert before == pytest.approx(after, abs=8), (places, early, late)


def test_it_is_light_or_dark_as_the_page_will_be(chromium: Browser, address: str) -> None:
    colours = set()
    for theme in ("light", "dark"):
        page = _bare(chromium, address, 1280, theme)
        colours.add(page.evaluate("getComputedStyle(document.getElementById('first-paint')).color"))
        page.context.close()
    assert len(colours) == 2
