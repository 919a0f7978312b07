"""Adding and removing adapters in a browser, from a base and adapters of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from analysis.engine import Engine
from analysis.models.own_collection import Named, collection_of
from app.page import build_page
from app.server.pages import Pages
from tests import tiny
from tests.analysis.models.spoiled import configured
from tests.browser.conftest import SHORT, Open, Visitors, ask, settled, violations
from tests.browser.sites import serve_pages

QUESTION = "How many are 3 & 5?"
PLACE = "#adapter-place input, #adapter-place textarea"
LEAVING = ("AbortError", "Connection errored out")
"""What Gradio logs where a page is left while it still listens."""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base, two adapters, one more and one that is none."""
    folder = tiny.tiny_collection(tmp_path_factory.mktemp("own"), ("spanish", "math")).parent
    base = tiny.model("gemma3")
    tiny.write_adapter(folder / "poems", base, rank=2, targets=["up_proj"], dora=True)
    configured(peft_type="IA3")(tiny.write_adapter(folder / "bad", base))
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """The page that `python app.py --base … --adapter …` serves."""
    adapters = tuple(f"{name}={folder / 'adapters' / name}" for name in ("spanish", "math"))
    pages = Pages(
        lambda one, progress, beside: Engine.load(one, progress, beside=beside),
        build_page,
        may_add=True,
    )
    yield from serve_pages(
        pages, collection_of(Named(base=str(folder / "base"), adapters=adapters))
    )


def test_an_adapter_comes_and_another_goes_and_the_question_stays(
    address: str, folder: Path, visit: Open, visitors: Visitors
) -> None:
    page = visit(address + SHORT)
    ask(page, QUESTION)
    settled(page)
    expect(page.locator("#grid")).to_contain_text("spanish")
    first = page.evaluate("location.pathname")
    page.get_by_role("tab", name="Adapters").click()
    listed = page.locator("#adapters-list")
    expect(listed.locator(".entries .adapter")).to_have_count(2)

    page.fill(PLACE, str(folder / "bad"))
    page.click("#inspect-adapter")
    expect(listed.locator(".inspected .refused")).to_contain_text(
        "'IA3', and only LORA can be mixed"
    )
    page.click("#add-adapter-button")
    expect(listed.locator(".message.fault")).to_contain_text("so it is not added")
    page.fill(PLACE, str(folder / "nowhere"))
    page.click("#inspect-adapter")
    expect(listed.locator(".message.fault")).to_contain_text("give the folder that PEFT's")
    page.fill(PLACE, str(folder / "poems"))
    page.click("#inspect-adapter")
    expect(listed.locator(".message:not(.fault)")).to_contain_text("It can be mixed")
    expect(listed.locator(".inspected .adapter")).to_contain_text("DoRA, rank 2")
    assert violations(page) == []

    page.click("#add-adapter-button")
    page.wait_for_function("first => location.pathname !== first", arg=first)
    page.wait_for_selector("#query textarea")
    settled(page)
    expect(page.locator("#query textarea")).to_have_value(QUESTION)
    expect(page.locator("#grid")).to_contain_text("poems")
    expect(page.locator("#masthead .picker option:checked")).to_have_text(
        "base — spanish, math, poems"
    )
    wider = page.evaluate("location.pathname")
    page.get_by_role("tab", name="Adapters").click()
    expect(listed.locator(".entries .adapter")).to_have_count(3)
    listed.get_by_role("button", name="Remove spanish").click()
    page.wait_for_function("wider => location.pathname !== wider", arg=wider)
    page.wait_for_selector("#query textarea")
    settled(page)
    expect(page.locator("#grid")).to_contain_text("math")
    expect(page.locator("#grid")).not_to_contain_text("spanish")
    visitors.trouble[:] = [
        one for one in visitors.trouble if not any(said in one for said in LEAVING)
    ]
