import threading
import time

import pytest

from analysis.common.errors import InputError
from app.server.request_queue import RequestQueue


def test_a_few_are_served_and_the_rest_know_their_position() -> None:
    request_queue = RequestQueue(served=2, waiting=2)
    with (
        request_queue.entry() as first,
        request_queue.entry() as second,
        request_queue.entry() as third,
    ):
        with request_queue.entry() as fourth:
            positions = [request_queue.position(one, 0) for one in (first, second, third, fourth)]
            assert positions == [0, 0, 1, 2]
            with pytest.raises(InputError, match="2 requests are waiting"), request_queue.entry():
                pass
        assert request_queue.position(third, 0) == 1
    with request_queue.entry() as alone:
        assert request_queue.position(alone, 0) == 0


def test_a_waiting_request_is_woken_when_the_queue_changes() -> None:
    request_queue = RequestQueue(served=1)
    served = request_queue.entry()
    served.__enter__()
    arrived, found = threading.Event(), []

    def wait() -> None:
        with request_queue.entry() as entry:
            arrived.set()
            found.append(request_queue.position(entry, 60))

    thread = threading.Thread(target=wait)
    thread.start()
    assert arrived.wait(60)
    served.__exit__(None, None, None)
    thread.join(60)
    assert found == [0]


def test_an_entry_is_removed_whatever_happens() -> None:
    request_queue = RequestQueue(served=1)
    with pytest.raises(KeyError), request_queue.entry():
        raise KeyError
    with request_queue.entry() as entry:
        assert request_queue.position(entry, 0) == 0


def test_a_newer_request_of_a_visitor_takes_the_place_of_the_older() -> None:
    request_queue = RequestQueue(served=1)
    with (
        request_queue.entry("ada") as first,
        request_queue.entry("grace") as other,
        request_queue.entry("ada") as second,
    ):
        positions = [request_queue.position(one, 0) for one in (first, other, second)]
        assert positions == [3, 0, 1], "the older is being ended and holds nobody up"
    with request_queue.entry("ada") as entry:
        assert request_queue.position(entry, 0) == 0


def test_the_wait_is_told_by_the_requests_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    request_queue = RequestQueue(served=2, waiting=1)
    with request_queue.entry() as first:
        assert request_queue.position(first, 0) == 0
        assert request_queue.expected(1) is None
        now = 8.0
    # Two are served at a time, 8 s each: one place is left every 4 s.
    assert request_queue.expected(3) == 12.0
    with request_queue.entry() as second:
        request_queue.position(second, 0)
        now = 12.0
    assert request_queue.expected(1) == (8.0 + 0.25 * (4.0 - 8.0)) / 2
    with (
        request_queue.entry(),
        request_queue.entry(),
        request_queue.entry(),
        pytest.raises(InputError, match="in about 4 s"),
        request_queue.entry(),
    ):
        pass
