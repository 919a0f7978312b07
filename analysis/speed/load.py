"""A crowd on one engine: many visitors at once, and the same visitors one after the other."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from analysis.benchmark.tasks import read_task
from analysis.common.errors import InputError
from analysis.common.progress import Progress
from analysis.engine import Engine
from analysis.inference.mixing.rows import Row
from analysis.methods import fuse
from analysis.speed.crowd import Load, Visit, summary
from analysis.speed.timing import peak_bytes

TASKS = Path(__file__).resolve().parents[2] / "assets" / "tasks"
# Two probabilities whose ratio is closer to 1 than this are a tie: float32 rounds otherwise in a
# batch of another size.
TIE = 1e-3


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
    began, cpu_began = time.perf_counter(), time.process_time()
    for number, query in enumerate(asked):
        progress(f"visitor {number + 1} of {visitors} alone", 0.8 * number / visitors)
        alone.append(visit(engine, query, methods, new_tokens))
    serial_seconds = time.perf_counter() - began
    serial_cpu = time.process_time() - cpu_began
    progress(f"{visitors} visitors at once", 0.8)
    found: list[Visit] = []
    seconds = cpu = 0.0

    def crowd() -> None:
        nonlocal seconds, cpu
        began = time.process_time()
        together, seconds = at_once(
            [partial(visit, engine, query, methods, new_tokens) for query in asked]
        )
        cpu = time.process_time() - began
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
    tokens = sum(one.tokens for one in alone)
    load = summary(
        found, seconds, new_tokens, cross_talk, ties, tokens / serial_seconds, peak / 1e6
    )
    crowd_tokens = sum(one.tokens for one in found)
    return replace(load, over_serial_cpu=crowd_tokens / cpu / (tokens / serial_cpu))


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
