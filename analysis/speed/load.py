"""A crowd on one engine: many visitors at once, and the same visitors one after the other."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from analysis.benchmark.tasks import read_task
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.engine import Engine
from analysis.inference.mixing.rows import Row
from analysis.methods import fuse
from analysis.speed.timing import peak_bytes

TASKS = Path(__file__).resolve().parents[2] / "assets" / "tasks"
# Two probabilities whose ratio is closer to 1 than this are a tie: float32 rounds otherwise in a
# batch of another size.
TIE = 1e-3


@dataclass(frozen=True)
class Visit:
    """What a visitor got.

    Attributes:
        first_seconds: From the question to the first token of an answer.
        total_seconds: From the question to the end of all answers.
        ids: Tokens of each answer.
        rows: The rows that answered; empty where the engine is elsewhere.
        probabilities: Of these tokens; empty where the rows are known.
        error: What went wrong; "" where nothing did.
    """

    first_seconds: float = math.nan
    total_seconds: float = math.nan
    ids: tuple[tuple[int, ...], ...] = ()
    rows: tuple[Row, ...] = ()
    probabilities: tuple[tuple[float, ...], ...] = ()
    error: str = ""

    @property
    def tokens(self) -> int:
        """Tokens of all answers together."""
        return sum(map(len, self.ids))


@dataclass(frozen=True)
class Seconds:
    """Median, 95th percentile and the largest of the seconds of visitors; None without any."""

    median: float | None
    p95: float | None
    last: float | None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Seconds:
        """Of some visitors; those without any (NaN) are left out."""
        ordered = sorted(one for one in seconds if not math.isnan(one))
        if not ordered:
            return cls(None, None, None)
        return cls(*(ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 1.0)))


@dataclass(frozen=True)
class Load:
    """The measurements of one run.

    Attributes:
        visitors: How many there were.
        answers: How many answers each of them asked for.
        new_tokens: The longest an answer could get.
        errors: Visitors whose request failed.
        error: What the first of them was told; "" without any.
        cross_talk: Answers that differ from those of the visitor alone, ties left out.
        ties: Answers that differ from a token on where the two best were equally probable.
        tokens_per_second: Of all visitors at once, traces and prompts included.
        over_serial: That over the tokens per second of the same visitors one after the other; None
            where these got none.
        first_token_seconds: From the question to the first token.
        total_seconds: From the question to the end.
        peak_memory_mb: Memory that the crowd takes in addition to the loaded model; None where the
            model is elsewhere.
    """

    visitors: int
    answers: int
    new_tokens: int
    errors: int
    error: str
    cross_talk: int
    ties: int
    tokens_per_second: float
    over_serial: float | None
    first_token_seconds: Seconds
    total_seconds: Seconds
    peak_memory_mb: float | None


def queries(count: int) -> list[str]:
    """Different questions of the bundled test sets, in turn from each of them."""
    tasks = [read_task(path).items for path in sorted(TASKS.glob("*_test.jsonl"))]
    longest = max(map(len, tasks))
    found = [items[place].instruction for place in range(longest) for items in tasks
             if place < len(items)]  # fmt: skip
    found = list(dict.fromkeys(found))
    return [found[place % len(found)] for place in range(count)]


def visit(engine: Engine, query: str, methods: Sequence[str], new_tokens: int) -> Visit:
    """Asks an engine what the page asks: a trace, the methods' weights, and their answers."""
    began = time.perf_counter()
    try:
        trace = engine.trace(query)
        rows = tuple(fuse(methods, engine.context(trace)))
        ids: list[list[int]] = [[] for _ in rows]
        first = math.nan
        for step in engine.answer(trace.prompt, rows, new_tokens=new_tokens):
            if step.index == 0:
                first = time.perf_counter() - began
            for token in step.tokens:
                ids[token.row].append(token.id)
    except Exception as error:
        return Visit(error=f"{type(error).__name__}: {error}")
    return Visit(first, time.perf_counter() - began, tuple(map(tuple, ids)), rows)


def at_once(visitors: Sequence[Callable[[], Visit]]) -> tuple[list[Visit], float]:
    """Lets all visitors ask at once; what they got, and the seconds until the last had it."""
    found = [Visit(error="the visitor's thread ended") for _ in visitors]

    def go(place: int) -> None:
        found[place] = visitors[place]()

    threads = [threading.Thread(target=go, args=(place,)) for place in range(len(visitors))]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found, time.perf_counter() - began


def measure_load(
    engine: Engine, visitors: int, methods: Sequence[str], new_tokens: int, progress: Progress
) -> Load:
    """Lets visitors ask one after the other, then all at once.

    Args:
        engine: The engine; it must keep nothing, so that both do the whole work.
        visitors: How many.
        methods: Names of the methods that answer each question.
        new_tokens: The longest an answer may get.
        progress: Told how far the run is.

    Raises:
        InputError: The first question, asked alone, gets no answer.
    """
    asked = queries(visitors)
    progress("one visitor first, who is not counted", 0.0)
    first = visit(engine, asked[0], methods, new_tokens)
    if not first.tokens:
        why = first.error or "no token"
        raise InputError(f"A visitor alone gets no answer ({why}): change what the visitors ask.")
    alone = []
    began = time.perf_counter()
    for number, query in enumerate(asked):
        progress(f"visitor {number + 1} of {visitors} alone", 0.8 * number / visitors)
        alone.append(visit(engine, query, methods, new_tokens))
    serial_seconds = time.perf_counter() - began
    progress(f"{visitors} visitors at once", 0.8)
    found: list[Visit] = []
    seconds = 0.0

    def crowd() -> None:
        nonlocal seconds
        together, seconds = at_once(
            [partial(visit, engine, query, methods, new_tokens) for query in asked]
        )
        found.extend(together)

    peak = peak_bytes(crowd)
    cross_talk = ties = 0
    for query, one, solo in zip(asked, found, alone, strict=True):
        for row, ids, solo_ids in zip(one.rows, one.ids, solo.ids, strict=False):
            if ids != solo_ids:
                tie = is_tie(engine, query, row, ids, solo_ids)
                ties, cross_talk = ties + tie, cross_talk + (not tie)
    # Nothing could be compared with a solo visit that failed.
    pairs = zip(found, alone, strict=True)
    found = [Visit(error=solo.error) if solo.error else one for one, solo in pairs]
    return summary(
        found, seconds, new_tokens, cross_talk, ties,
        sum(one.tokens for one in alone) / serial_seconds, peak / 1e6,
    )  # fmt: skip


def is_tie(
    engine: Engine, query: str, row: Row, some: Sequence[int], others: Sequence[int]
) -> bool:
    """Whether two answers part at two tokens that are equally probable but for round-off."""
    pairs = zip(some, others, strict=False)
    place = next((place for place, (a, b) in enumerate(pairs) if a != b), None)
    if place is None:
        return False  # one has ended and the other goes on
    both = {some[place], others[place]}
    (found,) = engine.next_tokens(engine.prompt(query), some[:place], [row], 2, tuple(both))
    p = sorted(token.probability for token in found if token.id in both)
    best = max(token.probability for token in found)
    return p[-1] == best and p[0] >= (1 - TIE) * best


def summary(
    found: Sequence[Visit],
    seconds: float,
    new_tokens: int,
    cross_talk: int,
    ties: int,
    serial_speed: float,
    peak_mb: float | None,
) -> Load:
    """The measurements of a crowd.

    Args:
        found: What each visitor got.
        seconds: Until the last of them had it.
        new_tokens: The longest an answer could get.
        cross_talk: Answers that are not those of the visitor alone.
        ties: Answers that differ after a tie.
        serial_speed: Tokens per second of the same visitors one after the other.
        peak_mb: Additional memory in megabytes; None where it is unknown.
    """
    good = [one for one in found if not one.error]
    speed = sum(one.tokens for one in good) / seconds
    return Load(
        visitors=len(found),
        answers=max((len(one.ids) for one in good), default=0),
        new_tokens=new_tokens,
        errors=len(found) - len(good),
        error=next((one.error for one in found if one.error), ""),
        cross_talk=cross_talk,
        ties=ties,
        tokens_per_second=speed,
        over_serial=speed / serial_speed if serial_speed else None,
        first_token_seconds=Seconds.of([one.first_seconds for one in good]),
        total_seconds=Seconds.of([one.total_seconds for one in good]),
        peak_memory_mb=peak_mb,
    )
