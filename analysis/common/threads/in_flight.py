"""Work that several threads ask for at the same time is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")

# Seconds after which a thread that waits for another's work asks again whether it is still wanted.
_LOOK_SECONDS = 0.1


class _Work:
    """Work that a thread does, and its result; None where it failed or was stopped."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.result: Any = None


class InFlight:
    """Remembers which work is being done."""

    def __init__(self) -> None:
        self._works: dict[Hashable, _Work] = {}
        self._lock = threading.Lock()

    def once(
        self,
        key: Hashable,
        kept: Callable[[], T | None],
        make: Callable[[], T],
        wanted: Callable[[], object] = lambda: None,
    ) -> T:
        """The result of work, which this thread does unless another one does it already.

        Args:
            key: The same for the same work.
            kept: The result where it is kept, or None.
            make: Does the work, and keeps the result for later.
            wanted: Called now and then while another thread does the work; what it raises ends the
                waiting.

        Returns:
            The result, which is the other thread's own object where that did the work; where it
            failed or was stopped, this one does the work itself.
        """
        while True:
            with self._lock:
                work = self._works.get(key)
                if work is None:
                    mine = self._works[key] = _Work()
            if work is None:
                try:
                    # Another thread may have made it since the caller looked.
                    result = kept()
                    mine.result = make() if result is None else result
                    return cast(T, mine.result)
                finally:
                    with self._lock:
                        del self._works[key]
                    mine.done.set()
            while not work.done.wait(_LOOK_SECONDS):
                wanted()
            if work.result is not None:
                return cast(T, work.result)
