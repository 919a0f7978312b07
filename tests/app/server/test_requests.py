"""What requests tell while they work."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from analysis.common.texts.said import say
from app.server import requests
from app.server.loader import Loader
from app.server.requests import run_with_progress, wait_for_engine
from app.state.requests.page_requests import Stopped
from app.state.session import Session
from app.widgets.words.said import sent


def test_work_without_news_gives_signs_so_that_a_closed_page_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requests, "SIGN_SECONDS", 0.0)
    session, goes_on, ended = Session(), threading.Event(), threading.Event()

    def work(progress: object) -> None:
        assert goes_on.wait(60)
        try:
            progress("reading", 0.5)  # type: ignore[operator]
        except Stopped:
            ended.set()

    ticket = session.begin()
    steps = run_with_progress(session, ticket, work)
    signs = [next(steps)["status"] for _ in range(2)]
    assert {one.text for one in signs} == {"Waiting for the model"}
    steps.close()  # as Gradio does where a page is closed
    session.end(ticket)
    goes_on.set()
    assert ended.wait(60)


def test_what_the_work_tells_can_be_said_in_another_language() -> None:
    step = say("loading adapter {name}", name="math")
    facts = {"name": "math"}
    session = Session()
    ticket = session.begin()
    told = list(run_with_progress(session, ticket, lambda progress: progress(step, 0.5)))
    assert sent(told[-1]["status"].text) == {"say": "Loading adapter {name}", "facts": facts}

    here, goes_on = threading.Event(), threading.Event()

    def load(progress: Callable[[str, float], None]) -> None:
        progress(step, 0.5)
        here.set()
        assert goes_on.wait(60)

    loader = Loader(load)  # type: ignore[arg-type]
    loader.start()
    assert here.wait(60)
    waiting = next(wait_for_engine(loader, session, ticket))["status"].text
    goes_on.set()
    what = {"say": "loading adapter {name}", "facts": facts}
    assert sent(waiting) == {"say": "Waiting for the model: {what}", "facts": {"what": what}}
