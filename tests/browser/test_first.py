"""The first paint: a stored example, before any model is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from analysis.collection import load_collection
from analysis.engine import Engine
from app import first
from app.loader import Loader
from app.shell import build, launch_options
from tests.browser.conftest import Open, settled, violations
from tests.tiny import tiny_collection

pytestmark = pytest.mark.browser


def test_example_is_there_before_the_model_and_makes_way_for_it(
    tmp_path: Path, visit: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = load_collection(tiny_collection(tmp_path / "tiny"))
    maker = Loader(lambda progress: Engine.load(collection, progress))
    maker.start()
    assert maker.wait(300) is not None
    path = tmp_path / "first.json"
    path.write_text(json.dumps(first.make(collection, maker)), encoding="utf-8")
    monkeypatch.setattr(first, "FILE", path)

    loader = Loader(lambda progress: Engine.load(collection, progress))
    demo = build(collection, loader)
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(collection))
    try:
        page = visit(address)
        grid = page.locator("#grid .fl-panel")
        expect(grid).to_have_attribute("data-drawn", "stored")
        expect(page.locator("#grid .tag")).to_have_text("stored example")
        expect(page.locator("#ask")).to_have_text("Ask")
        expect(page.locator("#answers .card")).to_have_count(4)
        stored = page.locator("#answers .card").first.locator(".t")
        expect(stored).to_have_count(48)
        page.focus("#grid .figure")
        page.keyboard.press("End")
        expect(page.locator("#why .cell")).to_contain_text("Layer 2")
        assert violations(page) == []

        assert loader.shown.wait(60), "loading would wait in vain for a page"
        assert loader.now.state == "loading"
        page.click("#ask")
        expect(page.locator("#status")).to_contain_text("Waiting for the model")
        loader.start()
        settled(page)
        expect(page.locator("#grid .tag")).to_be_hidden()
        expect(page.locator("#answers .card")).to_have_count(5)
        expect(stored).to_have_count(64)
        expect(page.locator("#why .shares li").first).to_be_attached()
    finally:
        demo.close()
