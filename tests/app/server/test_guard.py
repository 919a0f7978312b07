"""Handlers that fail end as a message on the page."""

from __future__ import annotations

import inspect
import logging
import pickle
from pathlib import Path
from typing import Any, ClassVar

import gradio as gr
import pytest

from analysis.common.errors import InputError
from analysis.inference.prompt import check_query
from analysis.models.manifest import load_collection
from app.api.endpoints import Endpoints
from app.page import build, content_of
from app.server.guard import guarded
from app.server.loader import Loader
from app.widgets.words.said import sent
from tests.tiny import tiny_collection

FAULT = "Something failed."


class Some:
    fault: ClassVar[str] = FAULT

    def failed(self, text: str) -> dict[str, str]:
        return {"status": text}

    @guarded
    def handle(self, data: dict[str, Any], event: gr.EventData | None = None) -> dict[str, Any]:
        if "error" in data:
            raise data["error"]
        return {"grid": data}


def test_a_handler_that_works_is_left_alone() -> None:
    assert Some().handle({"a": 1}) == {"grid": {"a": 1}}


def test_a_mistake_of_the_visitor_is_shown_as_it_is() -> None:
    error = InputError("The query is empty: type a question.")
    assert Some().handle({"error": error}) == {"status": str(error)}


def test_a_mistake_is_said_in_the_language_of_the_visitor_who_made_it() -> None:
    # ZeroGPU sends it from another process.
    with pytest.raises(InputError) as caught:
        check_query(" ")
    error = pickle.loads(pickle.dumps(caught.value))
    shown = sent(Some().handle({"error": error})["status"])
    assert shown == {"say": "The query is empty: type a question."}


def test_a_fault_of_ours_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        shown = Some().handle({"error": KeyError("secret")})
    assert shown == {"status": FAULT}
    assert "secret" in caplog.text


def test_every_listener_of_the_page_shows_its_failures(tmp_path: Path) -> None:
    collection = load_collection(tiny_collection(tmp_path / "tiny"))
    page = build(content_of(collection), Loader(lambda progress: None))  # type: ignore[arg-type, return-value]
    # They show failures themselves, or cannot fail. Endpoints have a check of their own.
    own = {
        "app.explore.handlers.link_handlers.select_all_adapters",
        "app.explore.handlers.request_handlers.stop",
        "app.learn.handlers.draw_qr",
        "app.learn.handlers.open_tab",
        "app.learn.handlers.stop",
        "app.profile.handlers.stop",
    }
    unguarded = set()
    for listener in page.fns.values():
        if not inspect.ismethod(listener.fn) or isinstance(listener.fn.__self__, Endpoints):
            continue
        inner = inspect.unwrap(listener.fn)
        # A generator runs a request, which a failure ends: it has a guard of its own.
        if inner == listener.fn and not inspect.isgeneratorfunction(inner):
            unguarded.add(f"{listener.fn.__module__}.{listener.name}")
    assert unguarded == own
