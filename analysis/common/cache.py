"""A cache of results, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class ByteCache:
    """Keeps values until they hold more bytes than it may; the longest unused go first.

    Values are shared between requests: they must not be changed.

    Args:
        most_bytes: The most bytes of all values together.
        beside: A cache whose bytes this one shares: both together hold no more than that one may,
            and neither sees the other's values.
    """

    def __init__(self, most_bytes: int, beside: ByteCache | None = None) -> None:
        self.refuses: Callable[[Hashable], bool] = lambda key: False
        """Whether nothing may be kept under a key (any more)."""
        self._shared: _Shared = beside._shared if beside is not None else _Shared(most_bytes)
        # Names the values of this cache among the shared ones.
        self._own = object()

    def part(self) -> ByteCache:
        """An empty cache that shares the bytes of this one."""
        return ByteCache(0, self)

    @property
    def most_bytes(self) -> int:
        """The most bytes of all values together, those of other parts too."""
        return self._shared.most_bytes

    @property
    def bytes(self) -> int:
        """The bytes of all values together, without those of other parts."""
        with self._shared.lock:
            return sum(
                size for (own, _), (_, size) in self._shared.values.items() if own is self._own
            )

    @property
    def keys(self) -> list[Hashable]:
        """The keys, the longest unused first."""
        with self._shared.lock:
            return [key for own, key in self._shared.values if own is self._own]

    def get(self, key: Hashable) -> Any | None:
        """The value of a key, or None."""
        place, shared = (self._own, key), self._shared
        with shared.lock:
            if place not in shared.values:
                return None
            shared.values.move_to_end(place)
            return shared.values[place][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keeps a value of so many bytes, unless it alone is more than may be, or it is refused."""
        place, shared = (self._own, key), self._shared
        with shared.lock:
            shared.pop(place)
            # Asked with the lock held: what is kept before a key is refused can be dropped after.
            if size > shared.most_bytes or self.refuses(key):
                return
            shared.values[place] = (value, size)
            shared.bytes += size
            while shared.bytes > shared.most_bytes:
                shared.pop(next(iter(shared.values)))

    def drop(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Forgets the values of some keys.

        Args:
            unwanted: Whether a key is one of them.
        """
        with self._shared.lock:
            places = [one for one in self._shared.values if one[0] is self._own]
            for place in places:
                if unwanted(place[1]):
                    self._shared.pop(place)

    def clear(self) -> None:
        """Forgets all values, but not those of other parts."""
        self.drop(lambda key: True)


class _Shared:
    """The values of a cache and of its parts.

    Args:
        most_bytes: The most bytes of all values together.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self.values: OrderedDict[tuple[object, Hashable], tuple[Any, int]] = OrderedDict()
        # Guards the order and the sum, which two threads would otherwise both change.
        self.lock = threading.Lock()

    def pop(self, place: tuple[object, Hashable]) -> None:
        """Forgets a value, if there is one; the caller holds the lock."""
        self.bytes -= self.values.pop(place, (None, 0))[1]
