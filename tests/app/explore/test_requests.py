"""A request of the Explore tab that fails on its way to the page ends with a message."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from analysis.models.manifest import load_collection
from app.explore.handlers.request_handlers import RequestHandlers
from app.page import build, content_of
from app.server.loader import Loader
from app.server.requests import FAILED
from app.services.updates import Updates
from app.state.requests.linked_run import LinkedRun
from app.state.session import Session
from app.views.charts_panel import ChartsPanel
from app.widgets.status import StatusPanel
from tests.tiny import tiny_collection


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> RequestHandlers:
    """The handlers of a page whose model never loads."""
    content = content_of(load_collection(tiny_collection(tmp_path_factory.mktemp("requests"))))
    page = build(content, Loader(lambda progress: None))  # type: ignore[arg-type, return-value]
    listener = next(listener for listener in page.fns.values() if listener.name == "ask")
    found = listener.fn.__self__  # type: ignore[union-attr]
    assert isinstance(found, RequestHandlers)
    return found


def _data(handlers: RequestHandlers, session: Session, **values: Any) -> dict[Any, Any]:
    controls = handlers.layout.controls
    given = {control.component: control.component.value for control in controls.by_name.values()}
    given |= {controls[name]: value for name, value in values.items()}
    return given | {handlers.context.session: session}


def _check(handlers: RequestHandlers, session: Session, changes: dict[Any, Any]) -> None:
    status = json.loads(changes[handlers.layout.panels["status"]])
    assert (status["state"], status["text"]) == ("error", {"say": FAILED})
    assert not session.busy
    buttons = handlers.layout.buttons
    assert changes[buttons["ask"]].interactive is True
    assert changes[buttons["stop"]].interactive is False


def test_contents_that_no_panel_can_take_end_the_request(
    handlers: RequestHandlers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
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
    handlers: RequestHandlers, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session()
    with caplog.at_level(logging.ERROR):
        (last,) = handlers.ask(_data(handlers, session, softmax_temperature="warm"))
    _check(handlers, session, last)
    assert "warm" in caplog.text


def test_a_view_that_answers_late_leaves_the_buttons_to_the_requests(
    handlers: RequestHandlers,
) -> None:
    session, page, buttons = Session(), handlers.page, handlers.layout.buttons
    session.begin()
    drawn = {"grid": None}
    view = page.changes(session, drawn)  # made while a request runs, sent after its end
    assert not set(view) & {*buttons.values(), handlers.layout.panels["hints"]}
    asked = page.changes(session, drawn, of_request=True)
    assert asked[buttons["ask"]].interactive is False
    assert asked[buttons["stop"]].interactive is True


def test_stop_during_the_pinned_question_of_a_link_stops_the_link(
    handlers: RequestHandlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(session: Session, query: str, *given: Any, **named: Any) -> Updates:
        asked.append(query)
        ticket = session.begin()
        yield {"busy": True, "status": StatusPanel("working", "Reading the query")}
        session.end(ticket)
        yield {"busy": False, "status": StatusPanel("stopped", "Stopped.")}

    monkeypatch.setattr(handlers.context.query_service, "ask", ask)
    data = _data(handlers, Session(), query="How many?")
    _, values = handlers._read(data)
    for stops, expected in ((True, ["Who?"]), (False, ["Who?", "How many?"])):
        asked.clear()
        pin = {**values, "query": "Who?"}
        data[handlers.context.session] = Session(linked=LinkedRun(waits=True, pin=pin))
        steps = handlers.ask_linked(data)
        next(steps)
        if stops:
            handlers.stop(data)
        list(steps)
        assert asked == expected
