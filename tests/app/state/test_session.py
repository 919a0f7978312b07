import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.state.answer import Heading
from app.state.answer_stream import AnswerStream
from app.state.requests.linked_run import LinkedRun
from app.state.requests.page_requests import Stopped
from app.state.run import AnswerRecord, AnswerSettings, Run
from app.state.session import Session
from app.state.settings.view_settings import ViewSettings
from app.state.snapshot import Snapshot


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


def test_a_request_that_gives_way_ends_none_that_must_finish() -> None:
    session = Session()
    question = session.begin()
    assert session.begin_aside() is None
    session.check(question)
    session.end(question)
    aside = session.begin_aside()
    assert aside == question + 1 and session.tickets.gives_way
    assert session.begin_aside() == aside + 1  # of two that give way the newer goes on
    with pytest.raises(Stopped):
        session.check(aside)


def test_stop_drops_the_link_that_waits_behind_the_request() -> None:
    waiting = LinkedRun(waits=True, cell=(0, "a"), paint=((0, "a", 2.0),), show="difference")
    session = Session(linked=waiting)
    session.begin()
    session.stop()
    assert not session.take_query() and session.linked == LinkedRun()
    # Once its own question is asked, a link paints on the run of the next try.
    asked = replace(waiting, waits=False)
    session = Session(linked=asked)
    session.stop()
    assert session.linked == asked


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
    assert session.what_if is not None and len(session.what_if.strokes) <= 256
    assert session.what_if.weights == ((97.0, 98.0), (99.0, 100.0))


def _run(number: int) -> Run:
    settings = AnswerSettings(("base",), 4, None, "norm")  # type: ignore[arg-type]
    return Run(number, "q", None, ("a", "b"), settings, None, None)  # type: ignore[arg-type]


def _answers(number: int) -> tuple[AnswerStream, AnswerRecord]:
    stream = AnswerStream(number, [Heading("base", "Base")], None)
    return stream, AnswerRecord(_run(number).answer_settings, ())


def test_an_old_view_never_shows_over_a_new_run() -> None:
    session = Session()
    old, new = _run(session.begin()), _run(2)
    settings = session.view_settings
    assert session.show_run(old, settings, SNAPSHOT)
    assert session.begin() == 2
    newer = replace(SNAPSHOT, number="2")
    assert session.show_run(new, settings, newer)
    # The reading of an old view and the old request end only now.
    assert not session.show_if_current(old, settings, SNAPSHOT)
    with pytest.raises(Stopped):
        session.show_run(old, settings, SNAPSHOT)
    assert session.run is new and session.snapshot is newer
    session.change_settings(ViewSettings(metric="js"))
    assert not session.show_run(new, settings, SNAPSHOT)
    assert not session.show_if_current(new, settings, SNAPSHOT)
    assert session.snapshot is newer


def test_a_superseded_request_leaves_no_answers_over_those_of_a_newer_one() -> None:
    session = Session()
    first, second = _answers(session.begin()), _answers(2)
    session.show_answers(*first)
    assert session.begin() == 2
    assert session.finish_answers(*first)  # still shown while the new request traces
    session.show_run(_run(2), session.view_settings, SNAPSHOT)
    assert session.answer_stream is None
    session.show_answers(*second)
    assert not session.finish_answers(*first)
    with pytest.raises(Stopped):
        session.show_answers(*first)
    assert (session.answer_stream, session.answer_record) == second


def test_a_linked_query_is_taken_once() -> None:
    session = Session(linked=LinkedRun(waits=True))
    assert sorted(_together(lambda _: session.take_query(), 6)) == [False] * 5 + [True]  # type: ignore[type-var]


def test_each_visitor_gets_a_copy_with_a_lock_of_its_own() -> None:
    first = Session()
    first.show(SNAPSHOT)
    second = copy.deepcopy(first)
    assert second.snapshot is first.snapshot and second.lock is not first.lock
    second.paint(0, 0, 2.0, "cell")
    assert first.what_if is not None and not first.what_if.touched
