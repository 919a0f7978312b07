"""What is read ahead is there when it is wanted, and never in the way of a request."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest
import torch

from analysis.common.background import BackgroundJobs, Job
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.engine import Engine
from analysis.inference.head import Head
from analysis.measure.divergence import measure
from analysis.measure.lenses import lenses
from analysis.measure.metrics import metrics
from analysis.measure.trace import KEPT
from analysis.methods import fuse
from tests import tiny
from tests.analysis.engine.test_economy import counted

QUERY = "María tiene 3 manzanas y compra 5 más."
LONG = 60.0


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many states each pass of the LM head reads."""
    passes: list[int] = []
    logits = Head.logits
    monkeypatch.setattr(
        Head, "logits", lambda self, states: passes.append(len(states)) or logits(self, states)
    )
    return passes


def test_after_reading_ahead_only_a_lens_costs_a_pass_of_the_head(
    tmp_path: Path, heads: list[int]
) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path)
    trace = engine.trace(QUERY)
    with counted(model) as calls:
        for name in lenses():
            heads.clear()
            first = engine.divergence(trace, name)
            engine.cell(trace, 1, "math", name)
            assert heads == [3 * engine.layers, 2]
            engine.read_ahead(trace, name, 1, "math")
            assert engine.background.wait_until_done(LONG)
            heads.clear()
            for position in KEPT:
                engine.cell(trace, 1, "math", name, position)
                for metric in metrics():
                    found = engine.divergence(trace, name, position, metric)
                    assert (found.lens, found.position, found.metric) == (name, position, metric)
            assert torch.equal(engine.divergence(trace, name).values_LK, first.values_LK)
            # A cell that is chosen later costs its own two positions, and nothing again.
            engine.read_ahead(trace, name, 0, "spanish")
            assert engine.background.wait_until_done(LONG)
            engine.read_ahead(trace, name, 0, "spanish")
            assert engine.background.wait_until_done(LONG)
            assert heads == [2, 2]
        assert calls == []


def test_what_is_read_ahead_is_what_would_have_been_read(tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path)
    trace = engine.trace(QUERY)
    engine.read_ahead(trace, "raw", 0, "math")
    assert engine.background.wait_until_done(LONG)
    for metric in metrics():
        (alone,) = measure(trace, Head.of(model), "raw", "prompt", [metric])
        found = engine.divergence(trace, "raw", "prompt", metric)
        torch.testing.assert_close(found.values_LK, alone.values_LK, rtol=1e-12, atol=1e-300)
        assert torch.equal(found.peak_L, alone.peak_L)


def test_nothing_is_read_ahead_while_an_answer_is_open(tmp_path: Path, heads: list[int]) -> None:
    engine, _, _ = tiny.tiny_engine(tmp_path)
    trace = engine.trace(QUERY)
    steps = engine.answer(trace.prompt, fuse(["base"], engine.context(trace.prompt)), new_tokens=4)
    next(steps)
    heads.clear()
    engine.read_ahead(trace, "norm", 0, "math")
    assert not engine.background.wait_until_done(0.05)
    assert heads == []
    steps.close()  # type: ignore[attr-defined]
    assert engine.background.wait_until_done(LONG)
    assert sorted(heads) == [2, 2, 3 * engine.layers, 3 * engine.layers]


def test_what_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    engine: Engine = tiny.tiny_engine(tmp_path)[0]
    trace = engine.trace(QUERY)
    with pytest.raises(InputError, match="no lens 'nope'"):
        engine.read_ahead(trace, "nope", 0, "math")
    with pytest.raises(InputError, match="no cell at layer 9"):
        engine.read_ahead(trace, "norm", 9, "math")


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
from analysis.common.background import BackgroundJobs
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
