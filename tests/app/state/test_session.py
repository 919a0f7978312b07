import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.state.session import Session, Stopped
from app.state.snapshot import Snapshot
from app.state.view_settings import ViewSettings


def test_stop_ends_the_request_that_runs_and_not_the_next() -> None:
    session = Session()
    first = session.begin()
    session.check(first)
    session.stop()
    with pytest.raises(Stopped):
        session.check(first)
    session.check(session.begin())


def test_a_new_request_ends_the_one_before() -> None:
    session = Session()
    first = session.begin()
    second = session.begin()
    with pytest.raises(Stopped):
        session.progress_of(first, lambda what, share: None)("tracing", 0.5)
    session.progress_of(second, lambda what, share: None)("tracing", 0.5)


WEIGHTS = ((0.2, 0.8), (0.6, 0.4))
SNAPSHOT = Snapshot("1", "q", ("a", "b"), ("A", "B"), WEIGHTS, WEIGHTS, (0.5, 0.5), ViewSettings())


def _together(work: Callable[[int], object], count: int) -> list[object]:
    """Runs work in threads that begin at the same time."""
    barrier = threading.Barrier(count)

    def run(number: int) -> object:
        barrier.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_requests_that_begin_together_get_numbers_of_their_own() -> None:
    session = Session()
    tickets = [ticket for _ in range(20) for ticket in _together(lambda _: session.begin(), 8)]
    assert sorted(tickets) == list(range(1, 161))  # type: ignore[type-var]
    assert session.busy and session.end(160) and not session.busy
    assert not session.end(3) and not session.busy


def test_every_stroke_counts_also_where_several_arrive_together() -> None:
    session = Session()
    session.show(SNAPSHOT)
    for number in range(1, 101, 4):

        def paint(place: int, number: int = number) -> bool:
            return session.paint(
                place // 2, place % 2, float(number + place), "cell", number + place
            )

        assert all(_together(paint, 4))
    assert session.what_if is not None and len(session.what_if.strokes) == 100
    assert session.what_if.weights == ((97.0, 98.0), (99.0, 100.0))


def test_a_linked_query_is_taken_once() -> None:
    session = Session(linked=True)
    assert sorted(_together(lambda _: session.take_linked(), 6)) == [False] * 5 + [True]  # type: ignore[type-var]


def test_each_visitor_gets_a_copy_with_a_lock_of_its_own() -> None:
    first = Session()
    first.show(SNAPSHOT)
    second = copy.deepcopy(first)
    assert second.snapshot is first.snapshot and second.lock is not first.lock
    second.paint(0, 0, 2.0, "cell")
    assert first.what_if is not None and not first.what_if.touched
