"""Room for answers, and places for work that holds much memory."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.common.limits import Limits
from analysis.inference.scheduling import admission, scheduler
from analysis.inference.scheduling.admission import Admission, Places
from analysis.methods import fuse
from tests import tiny
from tests.analysis.engine.test_economy import counted


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that it is; waiting requests look at once."""
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter)
    for module in (admission, scheduler):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(admission, "LOOK_SECONDS", 0.001)
    return now


def test_a_request_that_does_not_fit_enters_only_once_the_model_rests(now: list[float]) -> None:
    works, looks = [0.0], list[float]()
    room = Admission(10, lambda: now[0] - works[0])
    room.enter(8, lambda: None)

    def look() -> None:
        now[0] += 6.0
        looks.append(now[0])
        if len(looks) <= 10:
            works[0] = now[0]

    room.enter(8, look)
    # 60 s of work, then more than 10 s without any.
    assert looks[-1] == 72.0 and room.held_bytes == 16


def test_who_gives_up_while_it_waits_holds_nobody_up(now: list[float]) -> None:
    room, looks = Admission(10, lambda: 0.0), threading.Semaphore(0)
    room.enter(8, lambda: None)
    small = threading.Thread(target=room.enter, args=(2, looks.release))

    def gone() -> None:
        if not small.ident:
            small.start()
        # The other stands behind this one.
        assert looks.acquire(timeout=30) and room.held_bytes == 8
        raise InterruptedError

    with pytest.raises(InterruptedError):
        room.enter(8, gone)
    small.join(30)
    assert not small.is_alive() and room.held_bytes == 10 and not room.waiting


def test_a_long_trace_is_no_stall(now: list[float], tmp_path: Path) -> None:
    engine, model, _ = tiny.tiny_engine(tmp_path, limits=Limits(cache_bytes=1, pass_tokens=16))
    room, prompt = engine.runner.decoding.admission, engine.prompt("Paris")
    room.enter(5, lambda: None)
    rows = fuse(["base"], engine.context(prompt))
    looks, found = threading.Semaphore(0), list[object]()

    def say() -> None:
        told = lambda what, share: looks.release()  # noqa: E731
        found.append(engine.next_tokens(prompt, (), rows, 1, progress=told))

    other = threading.Thread(target=say)
    other.start()

    def traced(what: str, share: float) -> None:
        now[0] += 6.0
        for _ in range(2):
            assert looks.acquire(timeout=30) and room.held_bytes == 5

    with counted(model) as calls:
        engine.trace("Rome", progress=traced)
    # Several pieces, each of them longer than a stall.
    assert len(calls) > 1 and now[0] > 30.0 and room.held_bytes == 5
    now[0] += 11.0
    other.join(30)
    assert found and room.held_bytes == 5


def test_places_are_taken_in_turn_and_never_by_more_than_there_are() -> None:
    places, order, most = Places(1), list[int](), list[int]()
    inside, waiting, goes_on = list[int](), threading.Semaphore(0), threading.Event()
    begun = threading.Event()

    def go(number: int) -> None:
        with places.place(waiting.release):
            inside.append(number)
            most.append(len(inside))
            order.append(number)
            begun.set()
            assert goes_on.wait(30)
            inside.remove(number)

    threads = []
    for number in range(3):
        threads.append(threading.Thread(target=go, args=(number,)))
        threads[-1].start()
        if number == 0:
            assert begun.wait(30)
        else:
            assert waiting.acquire(timeout=30)

    def gone() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), places.place(gone):
        pytest.fail("no place is free")
    goes_on.set()
    for thread in threads:
        thread.join(30)
    assert order == [0, 1, 2] and max(most) == 1
    with pytest.raises(ZeroDivisionError), places.place(gone):
        raise ZeroDivisionError
    with places.place(gone):
        pass
