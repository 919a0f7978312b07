"""What the programs of one address may ask of a public server, so that others get their turn."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from analysis.common.errors import InputError

AT_ONCE = 8
"""The most requests of an address that are served or wait."""

A_MINUTE = 60
"""The most requests of an address within a minute, those that were refused for mistakes too."""

_MINUTE_SECONDS = 60.0
# Whoever has one address of version 6 has all with this beginning.
_NETWORK_BITS = 64


class Allowance:
    """Counts the requests of programs by the address of their clients.

    Args:
        at_once: The most requests of an address that are served or wait.
        a_minute: The most requests of an address within a minute.
    """

    def __init__(self, at_once: int = AT_ONCE, a_minute: int = A_MINUTE) -> None:
        self._at_once, self._a_minute = at_once, a_minute
        self._now: Counter[str] = Counter()
        self._times: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def ask(self, address: str) -> None:
        """Counts a request.

        Raises:
            InputError: There were too many within a minute.
        """
        who, now = _who(address), time.monotonic()
        with self._lock:
            recent = {
                other: [time for time in times if now - time < _MINUTE_SECONDS]
                for other, times in self._times.items()
            }
            self._times = {other: times for other, times in recent.items() if times}
            times = self._times.setdefault(who, [])
            if len(times) >= self._a_minute:
                seconds = max(1, round(_MINUTE_SECONDS - (now - times[0])))
                raise InputError(
                    f"Programs at your address have asked {self._a_minute} times within a minute, "
                    f"the most that this server takes: ask again in {seconds} s."
                )
            times.append(now)

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """A request is served or waits in this context.

        Raises:
            InputError: Too many of the address are served or wait already.
        """
        who = _who(address)
        with self._lock:
            if self._now[who] >= self._at_once:
                raise InputError(
                    f"{self._at_once} requests of programs at your address are served or wait, the "
                    "most that this server takes at once: ask again when one has ended."
                )
            self._now[who] += 1
        try:
            yield
        finally:
            with self._lock:
                self._now[who] -= 1
                if not self._now[who]:
                    del self._now[who]


def _who(address: str) -> str:
    try:
        known = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    mapped = known.ipv4_mapped
    return str(mapped or ipaddress.ip_network((known, _NETWORK_BITS), strict=False))
