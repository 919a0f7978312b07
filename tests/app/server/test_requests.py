"""Requests whose work says nothing for long."""

from __future__ import annotations

import threading

import pytest

from app.server import requests
from app.server.requests import run_with_progress
from app.state.session import Session, Stopped


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
