from __future__ import annotations

import threading

from app.loader import Loader


def test_loading_waits_for_the_first_page() -> None:
    began = threading.Event()
    loader = Loader(lambda progress: began.set())
    loader.start(patience=600)
    assert loader.now.state == "loading" and not began.is_set()
    loader.shown.set()
    assert began.wait(60)


def test_loading_begins_where_no_page_is_opened() -> None:
    began = threading.Event()
    Loader(lambda progress: began.set()).start(patience=0.01)
    assert began.wait(60)
