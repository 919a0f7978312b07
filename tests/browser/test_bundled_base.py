"""A walk with the real base and the bundled adapters."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from analysis.engine import Engine
from analysis.models.manifest import load_collection
from tests.browser.conftest import Open, Site, ask, serve, settled

pytestmark = [pytest.mark.browser, pytest.mark.base]

QUERY = "Ana tiene 4 libros y compra 3 más. ¿Cuántos libros tiene?"
_LONG_MS = 300_000


@pytest.fixture(scope="module")
def real_site(bundled_engine: Engine) -> Iterator[Site]:
    yield from serve(load_collection(), bundled_engine)


def test_two_adapters_are_traced_and_explained_and_answer(real_site: Site, visit: Open) -> None:
    settings = "?adapters=spanish,math&answers=base,qa-flora&alone=&length=8"
    page = visit(real_site.address + settings)
    expect(page.locator("#grid .tag")).to_have_text("stored example")
    expect(page.locator("#answers .card")).to_have_count(5)
    ask(page, QUERY)
    expect(page.locator("#grid .tag")).to_be_hidden(timeout=_LONG_MS)
    settled(page, timeout=_LONG_MS)
    assert len(real_site.passes) == 1 and real_site.calls == ["trace", "answer"]

    page.get_by_role("button", name="Show as table").click()
    rows = page.locator("#grid tbody tr")
    expect(rows).to_have_count(real_site.engine.layers)
    for cells in [row.locator("td").all_inner_texts() for row in rows.all()]:
        assert len(cells) == 2 and sum(map(float, cells)) == pytest.approx(1.0, abs=0.011)
    page.locator("#grid td").nth(24).click()
    expect(page.locator("#explanation .fl-panel")).to_have_attribute(
        "data-cell", re.compile("Layer 12")
    )
    expect(page.locator("#explanation tbody tr").nth(4)).to_be_attached()

    before = page.locator("#grid tbody").inner_text()
    page.locator("#lens").get_by_label("Raw · paper").check()
    expect(page.locator("#grid .note")).to_contain_text(
        "the model is certain here", timeout=_LONG_MS
    )
    assert page.locator("#grid tbody").inner_text() != before
    answers = page.locator("#answers .card .text").all_inner_texts()
    assert len(answers) == 2 and all(text.strip() for text in answers)
    assert len(real_site.passes) == 1 and real_site.calls == ["trace", "answer"]
