"""How the events of the Explore tab share the server."""

from __future__ import annotations

from pathlib import Path

from analysis.models.manifest import load_collection
from app import page
from app.server.loader import Loader
from tests.tiny import tiny_collection


def test_painting_and_selecting_do_not_wait_for_views_and_requests(tmp_path: Path) -> None:
    content = page.content_of(load_collection(tiny_collection(tmp_path)))
    built = page.build(content, Loader(lambda progress: None))  # type: ignore[arg-type, return-value]
    lines = {listener.name: listener.concurrency_id for listener in built.fns.values()}
    assert lines["paint_cell"] == lines["select_cell"]
    assert lines["paint_cell"] not in (lines["change_view"], lines["ask"])
