"""Handlers that fail end as a message on the page."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import gradio as gr
import pytest

from analysis.common.errors import InputError
from app.explore import handlers
from app.explore.guard import guarded
from app.server.requests import FAILED
from app.widgets.status import StatusPanel


class Page:
    def message(self, status: StatusPanel) -> dict[str, StatusPanel]:
        return {"status": status}


class Some:
    page = Page()

    @guarded
    def handle(self, data: dict[str, Any], event: gr.EventData | None = None) -> dict[str, Any]:
        if "error" in data:
            raise data["error"]
        return {"grid": data}


def test_a_handler_that_works_is_left_alone() -> None:
    assert Some().handle({"a": 1}) == {"grid": {"a": 1}}


def test_a_mistake_of_the_visitor_is_shown_as_it_is() -> None:
    error = InputError("The query is empty: type a question.")
    assert Some().handle({"error": error}) == {"status": StatusPanel("error", str(error))}


def test_a_fault_of_ours_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        shown = Some().handle({"error": KeyError("secret")})
    assert shown == {"status": StatusPanel("error", FAILED)}
    assert "secret" in caplog.text and "secret" not in FAILED


def test_every_handler_but_those_of_requests_is_guarded() -> None:
    # Requests have a guard of their own, and these two cannot fail.
    own = {"stop", "select_all_adapters"}
    for name, handler in inspect.getmembers(handlers.Handlers, inspect.isfunction):
        inner = inspect.unwrap(handler)
        if not name.startswith("_") and name not in own and not inspect.isgeneratorfunction(inner):
            assert inner is not handler, f"{name} is not guarded"
