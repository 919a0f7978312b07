"""A request of the Explore tab that fails on its way to the page ends with a message."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from analysis.models.manifest import load_collection
from app.explore.handlers import Handlers
from app.page import build, content_of
from app.server.loader import Loader
from app.server.requests import FAILED
from app.services.updates import Updates
from app.state.session import Session
from app.views.charts_panel import ChartsPanel
from app.widgets.status import StatusPanel
from tests.tiny import tiny_collection


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> Handlers:
    """The handlers of a page whose model never loads."""
    content = content_of(load_collection(tiny_collection(tmp_path_factory.mktemp("requests"))))
    page = build(content, Loader(lambda progress: None))  # type: ignore[arg-type, return-value]
    listener = next(listener for listener in page.fns.values() if listener.name == "ask")
    found = listener.fn.__self__  # type: ignore[union-attr]
    assert isinstance(found, Handlers)
    return found


def _data(handlers: Handlers, session: Session, **values: Any) -> dict[Any, Any]:
    controls = handlers.layout.controls
    given = {control.component: control.component.value for control in controls.by_name.values()}
    given |= {controls[name]: value for name, value in values.items()}
    return given | {handlers.context.session: session}


def _check(handlers: Handlers, session: Session, changes: dict[Any, Any]) -> None:
    status = json.loads(changes[handlers.layout.panels["status"]])
    assert (status["state"], status["text"]) == ("error", FAILED)
    assert not session.busy
    buttons = handlers.layout.buttons
    assert changes[buttons["ask"]].interactive is True
    assert changes[buttons["stop"]].interactive is False


def test_contents_that_no_panel_can_take_end_the_request(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session()

    def ask(session: Session, *given: Any, **named: Any) -> Updates:
        ticket = session.begin()
        try:
            yield {"busy": True, "status": StatusPanel("working", "Reading the query")}
            yield {"profile": replace(ChartsPanel.empty(), charts=(float("nan"),))}  # type: ignore[arg-type]
        finally:
            session.end(ticket)

    monkeypatch.setattr(handlers.context.query_service, "ask", ask)
    with caplog.at_level(logging.ERROR):
        first, last = handlers.ask(_data(handlers, session, query="How many?"))
    assert first[handlers.layout.buttons["ask"]].interactive is False
    _check(handlers, session, last)
    assert "not JSON compliant" in caplog.text


def test_settings_that_cannot_be_read_end_the_request(
    handlers: Handlers, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session()
    with caplog.at_level(logging.ERROR):
        (last,) = handlers.ask(_data(handlers, session, softmax_temperature="warm"))
    _check(handlers, session, last)
    assert "warm" in caplog.text
