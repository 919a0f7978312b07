import threading

import pytest

from analysis.common.errors import InputError
from app.server.request_queue import Turns


def test_a_few_are_served_and_the_others_know_their_place() -> None:
    turns = Turns(served=2, waiting=2)
    with turns.place() as first, turns.place() as second, turns.place() as third:
        with turns.place() as fourth:
            places = [turns.before(one, 0) for one in (first, second, third, fourth)]
            assert places == [0, 0, 1, 2]
            with pytest.raises(InputError, match="2 others are waiting"), turns.place():
                pass
        assert turns.before(third, 0) == 1
    with turns.place() as alone:
        assert turns.before(alone, 0) == 0


def test_whoever_waits_is_told_as_soon_as_the_line_moves_on() -> None:
    turns = Turns(served=1)
    served = turns.place()
    served.__enter__()
    arrived, found = threading.Event(), []

    def wait() -> None:
        with turns.place() as place:
            arrived.set()
            found.append(turns.before(place, 60))

    thread = threading.Thread(target=wait)
    thread.start()
    assert arrived.wait(60)
    served.__exit__(None, None, None)
    thread.join(60)
    assert found == [0]


def test_a_place_is_given_up_whatever_happens() -> None:
    turns = Turns(served=1)
    with pytest.raises(KeyError), turns.place():
        raise KeyError
    with turns.place() as place:
        assert turns.before(place, 0) == 0
