"""The first paint: a stored example, before any model is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from analysis.engine import Engine
from analysis.models.manifest import load_collection
from app.explore import make_stored_example
from app.page import build, content_of, launch_options
from app.server.loader import Loader
from app.state import stored_example
from tests.browser.conftest import Open, settled, violations
from tests.tiny import tiny_collection

pytestmark = pytest.mark.browser


def test_example_is_there_before_the_model_and_makes_way_for_it(
    tmp_path: Path, visit: Open
) -> None:
    collection = load_collection(tiny_collection(tmp_path / "tiny"))
    maker = Loader(lambda progress: Engine.load(collection, progress))
    maker.start()
    assert maker.wait(300) is not None
    path = collection.folder / stored_example.FILE
    path.write_text(
        make_stored_example.write(make_stored_example.make(collection, maker)), encoding="utf-8"
    )

    loader = Loader(lambda progress: Engine.load(collection, progress))
    content = content_of(collection)
    demo = build(content, loader)
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(content))
    try:
        page = visit(address)
        grid = page.locator("#grid .fl-panel")
        expect(grid).to_have_attribute("data-drawn", "stored")
        expect(page.locator("#grid .tag")).to_have_text("stored example")
        expect(page.locator("#ask")).to_have_text("Ask")
        expect(page.locator("#answers .card")).to_have_count(5)
        stored = page.locator("#answers .card").first.locator(".t")
        expect(stored).to_have_count(48)
        page.focus("#grid .figure")
        page.keyboard.press("End")
        expect(page.locator("#explanation .cell")).to_contain_text("Layer 2")
        expect(page.locator("#explanation .shares li").first).to_be_attached()
        # What cannot be used yet says why where everybody can read it.
        expect(page.locator("#lens input").first).to_be_disabled()
        expect(page.locator("#lens")).to_contain_text("stored example has one setting only")
        expect(page.locator(".grid-actions .button-reason")).to_contain_text("stored example")
        expect(page.locator("#every-token")).to_be_disabled()
        # Gradio drops events until its client is connected: the timer's is the first.
        assert loader.wanted.wait(60), "loading would wait in vain for a page"
        page.get_by_role("button", name="Answer settings").click()
        expect(page.locator("#seed input")).to_be_disabled()
        # Its address brings the page back, its link the question.
        page.locator("#show").get_by_label("Relevance").check()
        expect(page.locator("#grid h2")).to_have_text("Divergence from the base by layer")
        page.get_by_role("button", name="Copy link").click()
        expect(page.locator("#export .message")).to_have_text("Copied the link")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert "show=divergence" in copied and "q=" in copied and "__theme=light" in copied
        assert "q=" not in page.url
        page.locator("#show").get_by_label("Weights").check()
        expect(page.locator("#grid h2")).to_have_text(
            "How much each adapter changes the model, layer by layer"
        )
        assert violations(page) == []

        assert loader.now.state == "loading"
        page.click("#ask")
        expect(page.locator("#status")).to_contain_text("Waiting for the model")
        loader.start()
        settled(page)
        expect(page.locator("#grid .tag")).to_be_hidden()
        expect(page.locator("#lens input").first).to_be_enabled()
        expect(page.locator("#lens")).not_to_contain_text("one setting only")
        expect(page.locator(".button-reason")).to_have_count(0)
        assert "__theme=light" in page.url and "q=" in page.url
        expect(page.locator("#answers .card")).to_have_count(5)
        expect(stored).to_have_count(64)
        expect(page.locator("#explanation .shares li").first).to_be_attached()
    finally:
        demo.close()
