"""Timing all ways in turn, within one run."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from analysis.common.progress import Progress
from analysis.common.threads.own_thread import in_own_thread
from analysis.measure.normalisation import normalise
from analysis.models.bases.base_model import load_base
from analysis.models.collection import Collection
from analysis.speed.made_up import as_peft, make_adapters
from analysis.speed.ours import Ours
from analysis.speed.timing import Ratio, Result, peak_bytes, ratio, take, timed
from analysis.speed.ways import Hidden, Ways

ROUNDS, NAIVE_ROUNDS = 7, 3
DECODED_ROWS, DECODED_TOKENS = 4, 4
# Divergences above this many nats are compared. Below, float32 of the compared ways has no digits.
TOLD = 1e-4
# Seconds of a round for the head of the naive way; its time is scaled to all layers.
NAIVE_SECONDS = 3.0


@dataclass(frozen=True)
class HalfPrecision:
    """Time and error of bfloat16.

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
    """The measurements of one run.

    Attributes:
        ratios: Name → ratio.
        seconds: Name of a way → its median seconds.
        disagreement: Name of a way → its largest relative difference from ours over the
            divergences above `TOLD`.
        naive_layers: Of how many layers the naive way's head was run; its time in them was scaled
            to all layers, whose cost is the same.
        layers: How many layers there are.
        peak_bytes: Memory that ours takes in addition to the loaded model.
        bfloat16: Time and error of bfloat16; None on a CPU without instructions for it,
            where it is many times slower.
    """

    ratios: dict[str, Ratio]
    seconds: dict[str, float]
    disagreement: dict[str, float]
    naive_layers: int
    layers: int
    peak_bytes: int
    bfloat16: HalfPrecision | None


def measure_speed(
    collection: Collection, adapters: int, rank: int, tokens: int, progress: Progress
) -> Speed:
    """Times all ways in turn, after a warm-up, on the collection's base and made-up adapters.

    Args:
        collection: Its base is used.
        adapters: How many adapters to make.
        rank: Their rank.
        tokens: Tokens of the prompt.
        progress: Told before each step.
    """

    def load(report: Progress) -> tuple[Ours, Ways]:
        report("loading the base model", 0.0)
        model, tokenizer = load_base(collection.base, report)
        report("making adapters", 0.0)
        made = make_adapters(model, adapters, rank)
        ways_base = copy.deepcopy(model)
        ours = Ours(model, tokenizer, made, tokens)
        return ours, Ways(as_peft(ways_base, made, rank), ours)

    ours, ways = in_own_thread(load, progress)
    run = _Run(ours, ways, progress)
    run.warm_up()
    for number in range(ROUNDS):
        run.trace(number)
    run.decode()
    speed = run.result()
    if not has_bfloat16():
        return speed
    weights_LK = normalise(ours.trace())
    half = in_own_thread(lambda report: ours.in_bfloat16(), progress)
    return replace(speed, bfloat16=_bfloat16(half, weights_LK, speed.seconds["ours"]))


class _Run:
    """One run's times, as they come in."""

    def __init__(self, ours: Ours, ways: Ways, progress: Progress) -> None:
        self._ours = ours
        self._ways = ways
        self._progress = progress
        self._done = 0
        self._times: dict[str, list[float]] = {}
        self._disagreement: dict[str, float] = {}
        self._ours_LK = torch.zeros(0)
        self._peak = 0
        self._naive_layers = 0

    def _step(self, what: str) -> None:
        self._progress(what, self._done / (2 + 2 * ROUNDS))
        self._done += 1

    def warm_up(self) -> None:
        """Runs everything once, and finds how much of the naive way can be afforded."""
        self._step("warming up")
        self._ours_LK = self._ours.trace()
        self._peak = peak_bytes(self._ours.trace)
        self._ours.floor()
        self._ours.in_turn(self._ways.mixed)
        base = self._ours.in_turn(partial(self._ways.separate, []))
        one_layer = partial(self._ways.all_tokens, [base[0], base[0]], [0])
        two_rows = min(self._timed(one_layer)[1] for _ in range(2))
        affordable = NAIVE_SECONDS / (two_rows / 2 * (1 + len(self._ours.names)))
        self._naive_layers = max(1, min(len(self._ours_LK), int(affordable)))

    def trace(self, number: int) -> None:
        """One round of all ways to the divergences."""
        self._step(f"tracing, round {number + 1} of {ROUNDS}")
        self._add("floor", timed(self._ours.floor)[1])
        self._add("ours", timed(self._ours.trace)[1])
        hidden, passes = self._timed(partial(self._ways.separate, self._ours.names))
        values_LK, read = self._timed(partial(self._ways.last_token, hidden))
        self._add("sequential", passes + read)
        self._compare("sequential", values_LK)
        if number < NAIVE_ROUNDS:
            self._naive(hidden, passes, number)
        del hidden
        values_LK, spent = self._timed(self._ways.mixed)
        self._add("peft_mixed", spent)
        self._compare("peft_mixed", values_LK)

    def _naive(self, hidden: Hidden, passes: float, number: int) -> None:
        count, measured = len(self._ours_LK), self._naive_layers
        # Spread evenly from the last layer down, different layers in each round.
        later = number * count // (measured * NAIVE_ROUNDS)
        layers = [count - 1 - later - place * count // measured for place in range(measured)]
        values_LK, read = self._timed(partial(self._ways.all_tokens, hidden, layers))
        self._add("naive", passes + read * count / measured)
        self._compare("naive", values_LK, layers)

    def decode(self) -> None:
        """All rounds of decoding, seconds per token; a prompt's first pass is left out."""
        self._step("reading the prompt for decoding")
        self._ours.in_turn(self._ways.merge)
        most = 1 + ROUNDS * DECODED_TOKENS
        take_base = partial(take, self._ours.decode_base(DECODED_ROWS, most))
        take_fused = partial(take, self._ours.decode(DECODED_ROWS, most))
        take_merged = partial(take, self._ways.decode(most))
        self._ours.in_turn(partial(take_base, 1))
        take_fused(1)
        self._ours.in_turn(partial(take_merged, 1))
        for number in range(ROUNDS):
            self._step(f"decoding, round {number + 1} of {ROUNDS}")
            base = self._timed(partial(take_base, DECODED_TOKENS))[1]
            fused = timed(partial(take_fused, DECODED_TOKENS))[1]
            merged = self._timed(partial(take_merged, DECODED_TOKENS))[1]
            self._add("decode_base", base / DECODED_TOKENS)
            self._add("decode_ours", fused / DECODED_TOKENS)
            # PEFT runs one row after the other, each with a merged adapter of its own.
            self._add("decode_peft", DECODED_ROWS * merged / DECODED_TOKENS)

    def result(self) -> Speed:
        """The measurements."""
        times = self._times
        first = times["ours"][: len(times["naive"])]
        seconds = {name: statistics.median(values) for name, values in times.items()}
        return Speed(
            ratios={
                "ours_over_floor": ratio(times["ours"], times["floor"]),
                "naive_over_ours": ratio(times["naive"], first),
                "sequential_over_ours": ratio(times["sequential"], times["ours"]),
                "peft_mixed_over_ours": ratio(times["peft_mixed"], times["ours"]),
                "decode_over_base": ratio(times["decode_base"], times["decode_ours"]),
                "decode_over_peft": ratio(times["decode_peft"], times["decode_ours"]),
            },
            seconds=seconds,
            disagreement=self._disagreement,
            naive_layers=self._naive_layers,
            layers=len(self._ours_LK),
            peak_bytes=self._peak,
            bfloat16=None,
        )

    def _timed(self, way: Callable[[], Result]) -> tuple[Result, float]:
        """The result and the seconds of a way that does not ask for its turn itself."""
        return timed(partial(self._ours.in_turn, way))

    def _add(self, name: str, spent: float) -> None:
        self._times.setdefault(name, []).append(spent)

    def _compare(self, name: str, values_LK: Tensor, layers: Sequence[int] | None = None) -> None:
        ours_LK = self._ours_LK if layers is None else self._ours_LK[list(layers)]
        told = ours_LK > TOLD
        relative = ((values_LK - ours_LK).abs() / ours_LK)[told]
        largest = float(relative.max()) if relative.numel() else 0.0
        self._disagreement[name] = max(largest, self._disagreement.get(name, 0.0))


def has_bfloat16() -> bool:
    """Whether this machine computes bfloat16 in hardware."""
    return torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()


def _bfloat16(half: Ours, weights_LK: Tensor, float32_seconds: float) -> HalfPrecision:
    change_LK = (normalise(half.trace()) - weights_LK).abs()
    seconds = statistics.median(timed(half.trace)[1] for _ in range(NAIVE_ROUNDS))
    return HalfPrecision(seconds / float32_seconds, float(change_LK.max()), float(change_LK.mean()))
