"""Text that would act if anything took it for markup, a template or a direction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from analysis.models.manifest import load_collection
from tests.browser.conftest import Open, Site, serve, settled
from tests.tiny import tiny_collection

pytestmark = pytest.mark.browser

ACTS = "<script>document.title=1</script>${7*7}{{value}}"
TEXT = f"{ACTS}\u202e\u0000"
SHOWN = f"{ACTS}⟨202E⟩⟨0000⟩"
MANY = "🙂" * 2_000


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tiny_collection(
        tmp_path_factory.mktemp("hostile"), ("math", "code"), labels={"math": TEXT + MANY}
    )
    yield from serve(load_collection(path))


def _unharmed(page: Page) -> None:
    assert page.title() == "Fusion Lens"
    assert page.locator("script", has_text="document.title=1").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert "49{{value}}" not in page.content()


def test_it_comes_by_permalink_and_is_shown_literally_everywhere(
    hostile_site: Site, visit: Open
) -> None:
    link = f"?q={quote(TEXT)}&lens={quote(TEXT)}&{quote(TEXT)}=1"
    settings = "&answers=static&alone=adapter:math&length=8"
    page = visit(hostile_site.address + link + settings, width=375)
    settled(page)
    expect(page.locator("#alone .token")).to_have_count(1)
    assert page.input_value("#query textarea") == TEXT
    assert page.locator("#lens").get_by_label("Normalised").is_checked()
    grid = page.locator("#grid")
    expect(page.locator("#adapters")).to_contain_text(SHOWN)
    expect(grid.locator(".sentence")).to_contain_text(SHOWN)
    expect(page.locator("#answers .card").nth(1).locator("h3")).to_contain_text(SHOWN)
    page.focus("#grid .figure")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#explanation .cell")).to_contain_text(SHOWN)
    page.locator("#prompt summary").click()
    read = "".join(page.locator("#prompt li.query").all_inner_texts())
    assert read.replace("·", "").startswith(ACTS)
    grid.locator(".nsewdrag").hover(position={"x": 20, "y": 10})
    expect(grid.locator(".hoverlayer")).to_contain_text("<script>")
    page.locator("#history summary").click()
    expect(page.locator("#history .runs a")).to_have_text(SHOWN)
    _unharmed(page)
    page.get_by_role("button", name="Show as table").click()
    expect(grid.locator("thead")).to_contain_text(SHOWN)
    page.click("#pin")
    page.get_by_role("button", name="Adapters, lens and answers").click()
    page.locator("#show").get_by_label("Difference from pin").check()
    expect(grid.locator(".sentence")).to_contain_text("No weight differs from “<script>")
    page.get_by_role("button", name="Show as chart").click()
    _unharmed(page)

    files = {}
    for name in ("JSON", "CSV", "Web page", "Python", "SVG"):
        with page.expect_download() as saved:
            page.get_by_role("button", name=name, exact=True).click()
        files[name] = saved.value.path().read_text(encoding="utf-8")
    assert json.loads(files["JSON"])["query"] == TEXT
    assert "\u202e" not in files["Web page"] and "<script>document" not in files["Web page"]
    assert "&lt;script&gt;" in files["Web page"]
    assert "<script>" not in files["SVG"] and "<script>" not in files["CSV"]
    compile(files["Python"], "snippet", "exec")
    assert repr(TEXT) in files["Python"]


def test_a_link_may_be_as_long_as_an_address_can_be(hostile_site: Site, visit: Open) -> None:
    page = visit(f"{hostile_site.address}?q={quote('🙂' * 5000)}", width=375)
    settled(page, "error")
    expect(page.locator("#status [role=alert]")).to_contain_text("shorten it")
    _unharmed(page)
