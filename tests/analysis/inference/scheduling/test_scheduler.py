"""What runs next: pieces in turn, steps for all streams that ask, and nobody waits too long."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from functools import partial

import pytest

from analysis.inference.scheduling.scheduler import Scheduler, Stream, result_of


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler()
    yield made
    made.close()


class Held:
    """A piece that holds the thread until it is let go, so that a test can queue work behind it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._go, begun = threading.Event(), threading.Event()

        def hold() -> None:
            begun.set()
            assert self._go.wait(30)

        self._thread = threading.Thread(target=scheduler.run, args=(hold,), daemon=True)
        self._thread.start()
        assert begun.wait(30)

    def let_go(self) -> None:
        self._go.set()
        self._thread.join(30)


def noting_stream(scheduler: Scheduler, work: list[str]) -> Stream[str, str]:
    """A stream whose steps note that they ran."""

    def together(asked: Sequence[str]) -> list[str | Exception]:
        work.append("step")
        return list(asked)

    return scheduler.stream(together)


def behind(scheduler: Scheduler, work: list[str], names: Sequence[str]) -> list[threading.Thread]:
    """Asks for pieces that note their names, in this order; soon those that begin with `soon`."""
    threads = []
    for name in names:
        note, soon = partial(work.append, name), name.startswith("soon")
        threads.append(threading.Thread(target=partial(scheduler.run, note, soon=soon)))
        before = len(scheduler._pieces)
        threads[-1].start()
        while len(scheduler._pieces) == before:
            pass
    return threads


def test_a_piece_gives_its_result_or_its_error(scheduler: Scheduler) -> None:
    assert scheduler.run(lambda: 7) == 7
    with pytest.raises(KeyError, match="mine"):
        scheduler.run(lambda: {}["mine"])
    assert scheduler.run(lambda: scheduler.run(lambda: 8)) == 8, "a piece may run a piece"
    assert list(scheduler.each(range(3))) == [0, 1, 2]


def test_all_that_ask_share_a_step_and_only_they(scheduler: Scheduler) -> None:
    steps: list[list[str]] = []

    def together(asked: Sequence[str]) -> list[str | Exception]:
        steps.append(list(asked))
        return [KeyError(one) if one == "bad" else one.upper() for one in asked]

    a, b, c = (scheduler.stream(together) for _ in range(3))
    held = Held(scheduler)
    found = [a.ask("a"), b.ask("bad"), c.ask("c")]
    c.close()
    held.let_go()
    assert result_of(found[0]) == "A"
    with pytest.raises(KeyError, match="bad"):
        result_of(found[1])
    with pytest.raises(CancelledError):
        result_of(found[2])
    assert steps == [["a", "bad"]]
    # A stream that asks for nothing holds nobody up for long.
    assert result_of(a.ask("again")) == "AGAIN"


def test_a_stream_waits_for_one_piece_at_most(scheduler: Scheduler) -> None:
    done: list[str] = []
    stream = noting_stream(scheduler, done)
    held = Held(scheduler)
    threads = behind(scheduler, done, ["first", "second", "third"])
    found = stream.ask("token")
    held.let_go()
    result_of(found)
    # The held piece had the pieces' share; the step that was asked for last comes next.
    assert done[0] == "step"
    for thread in threads:
        thread.join(30)
    assert done == ["step", "first", "second", "third"]


def test_who_is_near_to_answers_goes_first_but_not_for_ever(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    held = Held(scheduler)
    threads = behind(scheduler, done, ["trace", "soon: read", "another trace"])
    later = time.monotonic() + 90.0
    monkeypatch.setattr(time, "monotonic", lambda: later)
    threads += behind(scheduler, done, ["soon: much later"])
    held.let_go()
    for thread in threads:
        thread.join(30)
    assert done == ["soon: read", "trace", "another trace", "soon: much later"]


def test_pieces_take_turns_between_steps(scheduler: Scheduler) -> None:
    done: list[str] = []
    stream = noting_stream(scheduler, done)
    held = Held(scheduler)
    threads = behind(scheduler, done, ["one", "two", "three"])
    found = stream.ask("token")
    held.let_go()
    for _ in range(2):
        result_of(found)
        found = stream.ask("token")
    result_of(found)
    for thread in threads:
        thread.join(30)
    assert [name for name in done if name != "step"] == ["one", "two", "three"]


def test_work_that_is_given_up_before_its_turn_never_runs(scheduler: Scheduler) -> None:
    done: list[str] = []
    held = Held(scheduler)
    stream = scheduler.stream(lambda asked: [done.append("step") for _ in asked])
    stream.ask("token")
    del stream
    gc.collect()
    held.let_go()
    scheduler.run(lambda: None)
    assert done == []


def test_nothing_waits_for_a_scheduler_that_has_ended() -> None:
    scheduler = Scheduler()
    held = Held(scheduler)
    stream = scheduler.stream(lambda asked: asked)
    found = stream.ask("token")
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    while not scheduler._closed:
        pass
    held.let_go()
    closing.join(30)
    with pytest.raises(CancelledError):
        result_of(found)
    with pytest.raises(RuntimeError, match="ends"):
        scheduler.run(lambda: None)
