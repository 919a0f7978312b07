"""A link holds the values of two tabs, and no tab overwrites the part of another."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from analysis.models.manifest import load_collection
from tests.added import added_tab
from tests.awaiting import await_
from tests.browser.conftest import (
    NO_ANSWERS,
    SHORT,
    Open,
    Site,
    Visitors,
    ask,
    serve,
    settled,
    wait_until_open,
)
from tests.tiny import tiny_collection

pytestmark = pytest.mark.browser

# Whether a click on Ask, or a key after a step with Tab, would reach it.
_REACHED = """() => {
    const ask = document.querySelector("#ask"), box = ask.getBoundingClientRect();
    ask.focus();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return ask.contains(top) && document.activeElement === ask;
}"""

_TAB = """
import gradio as gr

from app.services.page_links import LinkedControl
from app.services.tabs import Tab, TabContext
from app.state.link_fields import Field, one_of


def build(context: TabContext) -> None:
    chapter = gr.Radio(["one", "two"], value="one", label="Chapter", elem_id="chapter")
    field = Field("chapter", one_of("one", "two"), "one")
    context.links.add({"chapter": LinkedControl(chapter, field)})


TAB = Tab("Chapters", order=99, build=build)
"""


@pytest.fixture(scope="module")
def site_with_chapters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("chapters")
    with added_tab(folder / "added", "chapters", _TAB):
        yield from serve(load_collection(tiny_collection(folder / "tiny")))


def test_a_link_holds_and_restores_the_controls_of_two_tabs(
    site_with_chapters: Site, visit: Open
) -> None:
    page = visit(f"{site_with_chapters.address}{NO_ANSWERS}&chapter=two")
    page.get_by_role("tab", name="Chapters").click()
    chapter = page.locator("#chapter")
    expect(chapter.get_by_label("two")).to_be_checked()
    page.get_by_role("tab", name="Explore").click()
    ask(page, "How many apples?")
    settled(page)
    page.wait_for_function("location.search.includes('q=How+many+apples')")
    assert "chapter=two" in page.url

    page.get_by_role("tab", name="Chapters").click()
    chapter.get_by_label("one").check()
    page.wait_for_function("!location.search.includes('chapter')")
    assert "q=How+many+apples%3F" in page.url and "answers=" in page.url
    chapter.get_by_label("two").check()
    page.wait_for_function("location.search.includes('chapter=two')")
    # What is copied is the address of both tabs, also where one of them changed afterwards.
    page.get_by_role("tab", name="Explore").click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#export .message")).to_have_text("Copied the link")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "q=How+many+apples%3F" in copied and "chapter=two" in copied
    # But for what opens another tab.
    page.evaluate("history.replaceState(null, '', `${location.href}&lesson=layer`)")
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function(
        "navigator.clipboard.readText().then(one => !one.includes('lesson') && one.includes('q='))"
    )


def test_nobody_asks_before_the_link_is_open(site: Site, visit: Open, visitors: Visitors) -> None:
    held: list[Route] = []
    here = visitors.coming()
    here.route(re.compile("/gradio_api/run/"), lambda route: held.append(route))
    page = visit(site.address + SHORT, opened=False)
    page.wait_for_selector("#ask")
    # On a slow connection a visitor presses Ask before the page knows what its link wants.
    await_(lambda: page.evaluate("document.documentElement.inert") and len(held) > 1)
    assert not page.evaluate(_REACHED)
    here.unroute_all(behavior="ignoreErrors")
    for route in held:
        route.fallback()
    wait_until_open(page)
    assert page.evaluate(_REACHED)
    ask(page, "How many apples?")
    settled(page)
    expect(page.locator("#status .detail")).to_contain_text("16 tokens")


def test_a_link_that_cannot_be_read_leaves_the_page_open(
    site: Site, visit: Open, visitors: Visitors
) -> None:
    here = visitors.coming()
    here.route(re.compile("/gradio_api/run/"), lambda route: route.fulfill(status=500, body="{}"))
    page = visit(site.address + SHORT, opened=False)
    wait_until_open(page)
    here.unroute_all()
    visitors.trouble.clear()  # the browser logs each of the broken requests
