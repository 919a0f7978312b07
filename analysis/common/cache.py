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
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.refuses: Callable[[Hashable], bool] = lambda key: False
        """Whether nothing may be kept under a key (any more)."""
        self._bytes = 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        # Guards the order and the sum, which two threads would otherwise both change.
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """The bytes of all values together."""
        return self._bytes

    @property
    def keys(self) -> list[Hashable]:
        """The keys, the longest unused first."""
        with self._lock:
            return list(self._values)

    def get(self, key: Hashable) -> Any | None:
        """The value of a key, or None."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keeps a value of so many bytes, unless it alone is more than may be, or it is refused."""
        with self._lock:
            if key in self._values:
                self._bytes -= self._values.pop(key)[1]
            # Asked with the lock held: what is kept before a key is refused can be dropped after.
            if size > self.most_bytes or self.refuses(key):
                return
            self._values[key] = (value, size)
            self._bytes += size
            while self._bytes > self.most_bytes:
                self._bytes -= self._values.popitem(last=False)[1][1]

    def drop(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Forgets the values of some keys.

        Args:
            unwanted: Whether a key is one of them.
        """
        with self._lock:
            for key in [key for key in self._values if unwanted(key)]:
                self._bytes -= self._values.pop(key)[1]
