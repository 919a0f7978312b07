from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from analysis.common.errors import InputError
from app.server.loader import Loader
from app.services.view_service import ViewService
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot


def test_loading_waits_for_the_first_page() -> None:
    began = threading.Event()
    loader = Loader(lambda progress: began.set())
    loader.start(patience=600)
    assert loader.now.state == "loading" and not began.is_set()
    loader.wanted.set()
    assert began.wait(60)


def test_a_failed_loading_leaves_the_grid_usable() -> None:
    def fail(progress: object) -> None:
        raise InputError("There is no such base.")

    loader = Loader(fail)
    loader.start()
    with pytest.raises(InputError, match="no such base"):
        loader.wait(60)
    assert loader.now.state == "failed" and loader.engine is None
    numbers, names = ((0.2, 0.8), (0.6, 0.4)), ("a", "b")
    session = Session()
    session.show(
        Snapshot("stored", "q", names, names, numbers, numbers, (0.5, 0.5), ViewSettings())
    )
    view_service = ViewService(loader, {"a": "a", "b": "b"})
    assert view_service.change_settings(session, ViewSettings(show="divergence"))["grid"].id
    assert view_service.select(session, 1, 0)["explanation"].cell == (1, 0)
    assert view_service.pin(session)["grid"].id and session.pinned is not None


def test_loading_begins_where_no_page_is_opened() -> None:
    began = threading.Event()
    Loader(lambda progress: began.set()).start(patience=0.01)
    assert began.wait(60)


def test_a_process_that_ends_while_it_loads_ends_well() -> None:
    script = """
import threading, torch
from app.server.loader import Loader
begun = threading.Event()
def load(progress):
    while True:
        torch.randn(200, 200) @ torch.randn(200, 200)
        begun.set()
        progress("loading", 0.5)
Loader(load).start()
assert begun.wait(60)
Loader(load).start(patience=600)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
