"""Handlers that fail end as a message on the page."""

from __future__ import annotations

import inspect
import logging
from typing import Any, ClassVar

import gradio as gr
import pytest

from analysis.common.errors import InputError
from app.explore.handlers.file_handlers import FileHandlers
from app.explore.handlers.link_handlers import LinkHandlers
from app.explore.handlers.request_handlers import RequestHandlers
from app.explore.handlers.view_handlers import ViewHandlers
from app.results.handlers import Handlers as ResultsHandlers
from app.server.guard import guarded

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


def test_a_fault_of_ours_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        shown = Some().handle({"error": KeyError("secret")})
    assert shown == {"status": FAULT}
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    "handlers", [RequestHandlers, ViewHandlers, LinkHandlers, FileHandlers, ResultsHandlers]
)
def test_every_handler_but_those_of_requests_is_guarded(handlers: type) -> None:
    # Requests have a guard of their own; the others show failures, or cannot fail.
    own = {"stop", "select_all_adapters", "failed"}
    for name, handler in inspect.getmembers(handlers, inspect.isfunction):
        inner = inspect.unwrap(handler)
        if not name.startswith("_") and name not in own and not inspect.isgeneratorfunction(inner):
            assert inner is not handler, f"{name} is not guarded"
