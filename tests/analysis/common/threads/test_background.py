"""Background jobs: they pause while a request runs, and are never in its way."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref

import pytest

from analysis.common.progress import Progress
from analysis.common.threads.background import BackgroundJobs, Job

LONG = 60.0


def test_a_job_pauses_between_its_steps_while_a_request_runs() -> None:
    background, began, request_runs = BackgroundJobs(), threading.Event(), threading.Event()
    done: list[str] = []

    def job(step: Progress) -> None:
        done.append("before")
        began.set()
        assert request_runs.wait(LONG)
        step("", 0.5)
        done.append("after")

    background.submit(job)
    assert began.wait(LONG)
    with background.paused():
        request_runs.set()
        assert not background.wait_until_done(0.05)
        assert done == ["before"]
    assert background.wait_until_done(LONG)
    assert done == ["before", "after"]


def test_a_job_that_fails_is_logged_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    background, done = BackgroundJobs(), threading.Event()

    def fails(step: Progress) -> None:
        raise KeyError("lost")

    with background.paused():
        background.submit(fails)
        background.submit(lambda step: done.set())
    assert background.wait_until_done(LONG)
    assert done.is_set()
    assert "A background job failed" in caplog.text


def test_of_many_jobs_the_oldest_are_dropped() -> None:
    background, done = BackgroundJobs(), []
    with background.paused():
        for number in range(20):
            background.submit(lambda step, number=number: done.append(number))  # type: ignore[misc]
    assert background.wait_until_done(LONG)
    assert done[-8:] == list(range(12, 20))
    assert len(done) <= 9  # the thread may have taken the first before it rested


def test_after_closing_no_thread_holds_anything_of_a_job() -> None:
    class Model:
        pass

    def job_of(model: Model, began: threading.Event) -> Job:
        def job(step: Progress) -> None:
            began.set()
            while model:
                step("", 0.5)

        return job

    background, began, model = BackgroundJobs(), threading.Event(), Model()
    held = weakref.ref(model)
    background.submit(job_of(model, began))
    del model
    assert began.wait(LONG)
    background.close()
    assert held() is None
    assert not [one for one in threading.enumerate() if one.name == "read-ahead"]
    background.submit(lambda step: pytest.fail("it is closed"))
    assert background.wait_until_done(LONG)


def test_a_process_that_ends_meanwhile_ends_well() -> None:
    script = """
import threading, torch
from analysis.common.threads.background import BackgroundJobs
begun = threading.Event()
def job(step):
    while True:
        torch.randn(200, 200) @ torch.randn(200, 200)
        begun.set()
        step("", 0.0)
background = BackgroundJobs()
background.submit(job)
assert begun.wait(60)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
