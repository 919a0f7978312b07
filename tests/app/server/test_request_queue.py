import threading

import pytest

from analysis.common.errors import InputError
from app.server.request_queue import RequestQueue


def test_a_few_are_served_and_the_others_know_their_place() -> None:
    request_queue = RequestQueue(served=2, waiting=2)
    with (
        request_queue.place() as first,
        request_queue.place() as second,
        request_queue.place() as third,
    ):
        with request_queue.place() as fourth:
            places = [request_queue.before(one, 0) for one in (first, second, third, fourth)]
            assert places == [0, 0, 1, 2]
            with pytest.raises(InputError, match="2 others are waiting"), request_queue.place():
                pass
        assert request_queue.before(third, 0) == 1
    with request_queue.place() as alone:
        assert request_queue.before(alone, 0) == 0


def test_whoever_waits_is_told_as_soon_as_the_line_moves_on() -> None:
    request_queue = RequestQueue(served=1)
    served = request_queue.place()
    served.__enter__()
    arrived, found = threading.Event(), []

    def wait() -> None:
        with request_queue.place() as place:
            arrived.set()
            found.append(request_queue.before(place, 60))

    thread = threading.Thread(target=wait)
    thread.start()
    assert arrived.wait(60)
    served.__exit__(None, None, None)
    thread.join(60)
    assert found == [0]


def test_a_place_is_given_up_whatever_happens() -> None:
    request_queue = RequestQueue(served=1)
    with pytest.raises(KeyError), request_queue.place():
        raise KeyError
    with request_queue.place() as place:
        assert request_queue.before(place, 0) == 0
