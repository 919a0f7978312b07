"""Times, their ratios, and memory."""

from __future__ import annotations

import ctypes
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psutil

Result = TypeVar("Result")


@dataclass(frozen=True)
class Ratio:
    """A ratio of two times, measured in every round.

    Attributes:
        median: Its median.
        low: Its smallest value.
        high: Its largest.
    """

    median: float
    low: float
    high: float


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """The ratio of two ways' seconds, round by round."""
    values = [a / b for a, b in zip(above, below, strict=True)]
    return Ratio(statistics.median(values), min(values), max(values))


def timed(way: Callable[[], Result]) -> tuple[Result, float]:
    """The result of a way, and its seconds."""
    began = time.perf_counter()
    found = way()
    return found, time.perf_counter() - began


def take(steps: Iterator[object], count: int) -> None:
    """Takes some steps of an iterator."""
    for _ in range(count):
        next(steps)


def peak_bytes(way: Callable[[], object]) -> int:
    """The most memory that a way takes in addition to the memory before."""
    process = psutil.Process()

    def held() -> int:
        return int(process.memory_info().rss)

    if sys.platform == "linux":
        # malloc returns unused memory to the system, so that the use can be measured.
        ctypes.CDLL(None).malloc_trim(0)
    before = held()
    peak, over = before, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.002):
            peak = max(peak, held())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        way()
    finally:
        over.set()
        thread.join()
    return peak - before
