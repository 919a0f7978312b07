"""What is kept between requests stays within its bytes."""

from __future__ import annotations

import threading

from analysis.common.cache import ByteCache


def test_the_longest_unused_goes_first() -> None:
    cache = ByteCache(10)
    for key in "abc":
        cache.put(key, key.upper(), 4)
        cache.get("a")
    assert [cache.get(key) for key in "abc"] == ["A", None, "C"]


def test_what_is_larger_than_all_is_not_kept_and_drops_nothing() -> None:
    cache = ByteCache(10)
    cache.put("a", 1, 10)
    cache.put("b", 2, 11)
    assert (cache.get("a"), cache.get("b")) == (1, None)


def test_a_value_put_again_counts_once() -> None:
    cache = ByteCache(10)
    for value in range(5):
        cache.put("a", value, 6)
    cache.put("b", "b", 4)
    assert (cache.get("a"), cache.get("b")) == (4, "b")


def test_threads_never_make_it_hold_too_much() -> None:
    cache, together = ByteCache(50), threading.Barrier(4)

    def fill(place: int) -> None:
        together.wait()
        for step in range(500):
            cache.put((place, step % 20), step, 3)
            cache.get((place, (step + 1) % 20))

    threads = [threading.Thread(target=fill, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = sum(cache.get((place, key)) is not None for place in range(4) for key in range(20))
    assert 0 < held <= 50 // 3


def test_what_is_asked_for_stays_longest() -> None:
    cache = ByteCache(10)
    cache.put("a", 1, 4)
    cache.put("b", 2, 4)
    assert cache.get("a") == 1
    cache.put("c", 3, 4)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    cache.put("too large", 4, 11)
    assert cache.get("too large") is None
    cache.put("a", 5, 10)
    assert (cache.get("a"), cache.get("c")) == (5, None)


def test_parts_share_the_bytes_and_see_no_value_of_each_other() -> None:
    whole = ByteCache(10)
    one, other = whole.part(), whole.part()
    one.put("a", "mine", 6)
    other.put("a", "theirs", 4)
    assert (one.get("a"), other.get("a"), whole.get("a")) == ("mine", "theirs", None)
    assert (one.bytes, other.bytes, one.keys, other.most_bytes) == (6, 4, ["a"], 10)
    other.put("b", "more", 3)
    assert (one.get("a"), other.get("b")) == (None, "more"), "the longest unused of all goes first"
    one.put("c", "mine", 3)
    other.clear()
    assert (one.get("c"), other.get("a"), other.bytes) == ("mine", None, 0)
