"""Work in a thread of its own gives what it would give here, and ends with its caller."""

from __future__ import annotations

import signal
import threading
from contextvars import ContextVar

import pytest

from analysis.common.progress import Progress
from analysis.common.threads.own_thread import in_own_thread

_language = ContextVar("language", default="none")


def test_the_result_the_progress_and_the_context_arrive() -> None:
    told, ran_in = list[tuple[str, float]](), list[threading.Thread]()
    token = _language.set("es")
    try:

        def work(progress: Progress) -> str:
            ran_in.append(threading.current_thread())
            progress("half", 0.5)
            return _language.get()

        assert in_own_thread(work, lambda what, share: told.append((what, share))) == "es"
    finally:
        _language.reset(token)
    assert told == [("half", 0.5)]
    assert ran_in[0] is not threading.current_thread() and not ran_in[0].is_alive()


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt()])
def test_an_error_of_the_work_or_of_its_progress_is_raised(error: BaseException) -> None:
    def fail(*_: object) -> None:
        raise error

    with pytest.raises(type(error)):
        in_own_thread(fail, lambda what, share: None)
    with pytest.raises(type(error)):
        in_own_thread(lambda progress: progress("a step", 0.0), fail)


def test_work_whose_caller_is_interrupted_ends_at_its_next_step() -> None:
    ended = list[str]()
    # Tests that are started in the background of a shell ignore interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def work(progress: Progress) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        try:
            while True:
                progress("a step", 0.5)
        except Exception as error:
            ended.append(type(error).__name__)
            raise

    try:
        with pytest.raises(KeyboardInterrupt):
            in_own_thread(work, lambda what, share: None)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == ["_CallerLeft"]
