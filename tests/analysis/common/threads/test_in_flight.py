"""Work that several threads ask for at once is done once, and never lost."""

from __future__ import annotations

import threading

import pytest

from analysis.common.threads.in_flight import InFlight


def test_work_is_done_once_for_all_who_ask_meanwhile() -> None:
    in_flight, kept, made = InFlight(), dict[str, str](), list[str]()
    waiting, found = threading.Semaphore(0), list[str]()

    def make() -> str:
        for _ in range(3):
            assert waiting.acquire(timeout=30)
        made.append("made")
        kept["key"] = "result"
        return "result"

    def ask() -> None:
        found.append(in_flight.once("key", lambda: kept.get("key"), make, waiting.release))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == ["result"] * 4 and made == ["made"]
    assert in_flight.once("other", lambda: None, lambda: "own") == "own"


def test_one_that_is_stopped_leaves_the_work_to_the_next() -> None:
    in_flight, waits, found = InFlight(), threading.Event(), list[str]()

    def ask() -> None:
        found.append(in_flight.once("key", lambda: None, lambda: "second", waits.set))

    second = threading.Thread(target=ask)

    def first() -> str:
        second.start()
        assert waits.wait(30)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        in_flight.once("key", lambda: None, first)
    second.join(30)
    assert found == ["second"]


def test_one_who_waits_can_give_up() -> None:
    in_flight = InFlight()

    def gone() -> None:
        raise InterruptedError

    def first() -> str:
        # The same thread asks again: it would wait for itself.
        with pytest.raises(InterruptedError):
            in_flight.once("key", lambda: None, lambda: "never", gone)
        return "first"

    assert in_flight.once("key", lambda: None, first) == "first"
