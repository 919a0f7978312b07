"""What runs next: pieces in turn, steps for all streams that ask, and nobody waits too long."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.inference.scheduling.scheduler import Scheduler
from analysis.inference.scheduling.stream import Stream, result_of
from tests.awaiting import await_


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
        await_(lambda before=before: len(scheduler._pieces) > before)
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
    await_(lambda: scheduler._closed)
    held.let_go()
    closing.join(30)
    with pytest.raises(CancelledError):
        result_of(found)
    with pytest.raises(RuntimeError, match="ends"):
        scheduler.run(lambda: None)


@dataclass(frozen=True)
class Asker:
    """A request.

    Attributes:
        pieces: Its pieces before its steps; those that are False raise.
        soon: Whether these bring it near to its answers.
        steps: How many steps it asks for.
        gone_at: Before this step its client vanishes; never where None.
        without_a_word: Whether the stream is then left behind instead of closed.
        broken_at: This step fails for it alone; none where None.
    """

    pieces: tuple[bool, ...]
    soon: bool
    steps: int
    gone_at: int | None
    without_a_word: bool
    broken_at: int | None


places = st.none() | st.integers(0, 5)
askers = st.builds(
    Asker, st.lists(st.booleans(), max_size=4).map(tuple), st.booleans(), st.integers(0, 6),
    places, st.booleans(), places,
)  # fmt: skip


class Broken(Exception):
    """A fault of one request."""


@settings(max_examples=50)
@given(crowd=st.lists(askers, min_size=1, max_size=8))
def test_whatever_is_asked_is_served_once_or_refused_whoever_vanishes(crowd: list[Asker]) -> None:
    scheduler, served, faults = Scheduler(), list[tuple[int, int]](), list[BaseException]()

    def together(asked: Sequence[tuple[int, int]]) -> list[int | Exception]:
        served.extend(asked)
        return [
            Broken() if crowd[number].broken_at == step else 10 * number + step
            for number, step in asked
        ]

    def ask(number: int) -> None:
        asker = crowd[number]
        for place, good in enumerate(asker.pieces):
            work = partial(served.append, (number, -1 - place)) if good else partial(fail, number)
            try:
                assert scheduler.run(work, soon=asker.soon) is None and good
            except Broken:
                assert not good
        stream = scheduler.stream(together)
        for step in range(asker.steps):
            found = stream.ask((number, step))
            if step == asker.gone_at:
                if not asker.without_a_word:
                    stream.close()
                return
            try:
                assert result_of(found) == 10 * number + step
            except Broken:
                assert asker.broken_at == step
        stream.close()

    def fail(number: int) -> None:
        raise Broken(number)

    def watched(number: int) -> None:
        try:
            ask(number)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=watched, args=(number,)) for number in range(len(crowd))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "somebody waits for ever"
    assert faults == []
    # After this, nothing that was asked before waits any more.
    scheduler.run(lambda: None)
    assert len(set(served)) == len(served), "nothing runs twice"
    for number, asker in enumerate(crowd):
        own = {place for whose, place in served if whose == number}
        pieces = {-1 - place for place, good in enumerate(asker.pieces) if good}
        going = asker.gone_at is not None and asker.gone_at < asker.steps
        waited_for = set(range(asker.gone_at if going else asker.steps))
        left = {asker.gone_at} if going else set()
        assert pieces | waited_for <= own <= pieces | waited_for | left
    assert not scheduler._pieces and not scheduler._open()
    scheduler.close()
