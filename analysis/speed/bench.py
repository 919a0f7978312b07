"""Timing the ways in turn."""

from __future__ import annotations

import ctypes
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor

from analysis.base import load_base
from analysis.collection import Collection
from analysis.progress import Progress
from analysis.speed.ways import Ways
from analysis.weights import normalise

ROUNDS, NAIVE_ROUNDS = 7, 3
DECODED_ROWS, DECODED_TOKENS = 4, 8


@dataclass(frozen=True)
class Ratio:
    """A ratio of two times, taken anew in every round.

    Attributes:
        median: Its median.
        low: Its smallest value.
        high: Its largest.
    """

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class HalfPrecision:
    """What bfloat16 saves and what it costs.

    Attributes:
        over_float32: Its time over that of float32.
        largest_change: The largest change of a weight.
        mean_change: The mean change of a weight.
    """

    over_float32: float
    largest_change: float
    mean_change: float


@dataclass(frozen=True)
class Speed:
    """What one run measured.

    Attributes:
        ratios: Name → ratio.
        seconds: Name of a way → its median seconds.
        disagreement: Name of a way → its largest relative difference from ours over the
            divergences that float32 can tell, those above 1e-4 nats.
        peak_bytes: Memory that ours takes beyond what was held before it.
        bfloat16: What bfloat16 does to time and weights; None on a CPU without instructions for it,
            where it is many times slower.
    """

    ratios: dict[str, Ratio]
    seconds: dict[str, float]
    disagreement: dict[str, float]
    peak_bytes: int
    bfloat16: HalfPrecision | None


def measure_speed(
    collection: Collection, adapters: int, rank: int, tokens: int, progress: Progress
) -> Speed:
    """Times all ways in turn, after a warm-up, on the collection's base and random adapters.

    Args:
        collection: Its base is used.
        adapters: How many adapters to make.
        rank: Their rank.
        tokens: Tokens of the prompt.
        progress: Told before each step.
    """
    _, tokenizer = load_base(collection.base, progress)
    ways = Ways(lambda: load_base(collection.base)[0], tokenizer, adapters, rank, tokens)
    quick: dict[str, Callable[[], object]] = {
        "floor": ways.floor,
        "ours": ways.ours,
        "sequential": ways.sequential,
        "peft_mixed": ways.peft_mixed,
    }
    steps = 2 * ROUNDS + NAIVE_ROUNDS + 1
    done = 0

    def step(what: str) -> None:
        nonlocal done
        progress(what, done / steps)
        done += 1

    step("warming up")
    ours_LK = ways.ours()
    told = ours_LK > 1e-4
    found = {"sequential": ways.sequential(), "peft_mixed": ways.peft_mixed()}
    ways.floor()
    peak = _peak_bytes(ways.ours)
    times: dict[str, list[float]] = {name: [] for name in (*quick, "naive")}
    for number in range(ROUNDS):
        step(f"tracing, round {number + 1} of {ROUNDS}")
        for name, way in quick.items():
            times[name].append(_time(way))
    naive_over_ours = []
    for number in range(NAIVE_ROUNDS):
        step(f"the naive way, round {number + 1} of {NAIVE_ROUNDS}")
        began = time.perf_counter()
        found["naive"] = ways.naive()
        times["naive"].append(time.perf_counter() - began)
        naive_over_ours.append(times["naive"][-1] / _time(ways.ours))
    decoding = _decode(ways, step)
    disagreement = {
        name: float(((values_LK - ours_LK).abs() / ours_LK)[told].max()) if told.any() else 0.0
        for name, values_LK in found.items()
    }
    ratios = {
        "ours_over_floor": _ratio(times["ours"], times["floor"]),
        "naive_over_ours": _spread(naive_over_ours),
        "sequential_over_ours": _ratio(times["sequential"], times["ours"]),
        "peft_mixed_over_ours": _ratio(times["peft_mixed"], times["ours"]),
        "decode_over_base": _ratio(decoding["decode_base"], decoding["decode_ours"]),
        "decode_over_peft": _ratio(decoding["decode_peft"], decoding["decode_ours"]),
    }
    seconds = {name: statistics.median(values) for name, values in (times | decoding).items()}
    bfloat16 = _bfloat16(ways, seconds["ours"], normalise(ours_LK)) if _has_bfloat16() else None
    return Speed(ratios, seconds, disagreement, peak, bfloat16)


def _has_bfloat16() -> bool:
    return torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()


def _bfloat16(ways: Ways, float32_seconds: float, weights_LK: Tensor) -> HalfPrecision:
    ways.to_bfloat16()
    change_LK = (normalise(ways.ours()) - weights_LK).abs()
    seconds = statistics.median(_time(ways.ours) for _ in range(NAIVE_ROUNDS))
    return HalfPrecision(seconds / float32_seconds, float(change_LK.max()), float(change_LK.mean()))


def _decode(ways: Ways, step: Callable[[str], None]) -> dict[str, list[float]]:
    """Seconds per token of each way to decode; a prompt's first pass is left out."""
    ways.add_fused(DECODED_ROWS)
    loops = {
        "decode_base": ways.decode_base,
        "decode_ours": ways.decode_ours,
        "decode_peft": ways.decode_peft,
    }
    times: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(ROUNDS):
        step(f"decoding, round {number + 1} of {ROUNDS}")
        for name, loop in loops.items():
            times[name].append(_time_of_a_token(loop(DECODED_ROWS, 1 + DECODED_TOKENS)))
    return times


def _time_of_a_token(loops: list[Iterator[object]]) -> float:
    """Seconds that every row together takes for a token after the prompt's own pass."""
    seconds = 0.0
    for loop in loops:
        next(loop)
        seconds += _time(lambda loop=loop: list(loop))  # type: ignore[misc]
    return seconds / DECODED_TOKENS


def _time(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def _ratio(above: list[float], below: list[float]) -> Ratio:
    return _spread([a / b for a, b in zip(above, below, strict=True)])


def _spread(values: list[float]) -> Ratio:
    return Ratio(statistics.median(values), min(values), max(values))


def _peak_bytes(way: Callable[[], object]) -> int:
    """The most memory that a way holds beyond what was held before it."""
    process = psutil.Process()

    def held() -> int:
        return int(process.memory_info().rss)

    _give_back()
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


def _give_back() -> None:
    """Lets the C library return what it holds but does not use, so that use can be seen."""
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
