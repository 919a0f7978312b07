import threading

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
