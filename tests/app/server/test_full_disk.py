"""A full disk: who asks is told, whatever they asked for, and nothing half written stays."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from app.api.turns import told
from app.explore.handlers import file_handlers
from app.explore.handlers.file_handlers import FileHandlers
from app.server import downloads
from app.server.request_queue import RequestQueue
from app.server.requests import RequestUpdates, run_request
from app.state.session import Session


def full(path: Path) -> None:
    path.write_bytes(b"half")
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_requests_of_pages_and_of_programs_say_that_the_disk_is_full(tmp_path: Path) -> None:
    def steps() -> RequestUpdates:
        full(tmp_path / "trace")
        yield {}

    session, queue = Session(), RequestQueue()
    *_, last = run_request(session, session.begin(), queue, steps())
    assert last["status"].state == "error" and "disk is full" in last["status"].text
    with pytest.raises(gr.Error, match="disk is full"), told():
        full(tmp_path / "answer")
    with pytest.raises(gr.Error, match="The server log gives the reason"), told():
        raise OSError(errno.EACCES, "Permission denied")


def test_a_file_that_could_not_be_written_whole_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, written = downloads.Downloads(), list[Path]()

    def write(path: Path, *_: Any) -> None:
        written.append(path)
        full(path)

    monkeypatch.setattr(file_handlers, "DOWNLOADS", kept)
    monkeypatch.setattr(file_handlers, "write_adapter", write)
    context = SimpleNamespace(
        collection=None, loader=SimpleNamespace(loaded=None), name=None, page=None
    )
    session: Any = SimpleNamespace(run=None, snapshot=SimpleNamespace(query="Who?"))
    handlers: Any = SimpleNamespace(context=context)
    with pytest.raises(OSError, match="No space left"):
        FileHandlers._adapter(handlers, session)
    assert written and not written[0].exists()
