import pytest

from app.state.session import Session, Stopped


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
