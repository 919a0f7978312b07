"""The terminal: progress on standard error, tables, and text that cannot steer it.

Escape codes in a name would clear the screen or forge a line, and a lone surrogate ends a program.
"""

import json
import re
import sys
import threading
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TextIO

from tqdm import tqdm

from analysis.common.progress import Progress

TICK_SECONDS = 0.5
# Of lines that differ in their counts alone, a log gets one in so many seconds.
LINE_SECONDS = 5.0
_NUMBERS = re.compile(r"\d+")
# Parts of emoji, and of words in Persian or Hindi.
_JOINERS = "\u200c\u200d"
# C0 and C1 control characters, direction marks that change how a line reads, surrogates.
_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar with the phase, its share and the time.

    Where standard error is no terminal, each phase is one plain line instead.

    Yields:
        A function of the phase and the share of the work, from 0 to 1. Work that follows other work
        begins at 0 again.
    """
    if not sys.stderr.isatty():
        yield _Lines(sys.stderr)
        return
    form = "{desc} {bar} {percentage:3.0f}% {elapsed}"
    bars: list[tqdm[None]] = []
    with ExitStack() as stack:

        def report(phase: str, share: float) -> None:
            if not bars:  # work that tells nothing shows none
                bars.append(stack.enter_context(tqdm(total=1.0, bar_format=form, leave=False)))
                stack.enter_context(_ticking(bars[0]))
            bars[0].n = share
            bars[0].set_description_str(phase)

        yield report


def note(text: str) -> None:
    """A line on standard error that stays, also above a bar."""
    tqdm.write(text, file=sys.stderr)


def one_line(text: str) -> str:
    """A text as one line: a � for each character that steers or that nobody sees."""
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(
        sign if sign in _JOINERS or unicodedata.category(sign) not in hidden else "�"
        for sign in text
    )


def lines(text: str) -> str:
    """A text of several lines, such as an answer: a � for each control character but tabs."""
    return "".join(
        sign if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs") else "�"
        for sign in text
    )


def json_line(value: object) -> str:
    """A value as JSON in one line, with signs of all languages as they are."""
    text = json.dumps(value, ensure_ascii=False)
    return _STEERING.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


class _Lines:
    """Says each phase once; of phases that differ in their numbers alone, one in a few seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._phase = self._words = ""
        self._said = 0.0

    def __call__(self, phase: str, share: float) -> None:
        words, now = _NUMBERS.sub("", phase), time.monotonic()
        if words != self._words or (phase != self._phase and now - self._said >= LINE_SECONDS):
            self._phase, self._words, self._said = phase, words, now
            # Without the share, which begins again with each work.
            print(phase, file=self._stream, flush=True)


@contextmanager
def _ticking(bar: "tqdm[None]") -> Iterator[None]:
    """Let the elapsed time run on within a long phase: a still bar looks like a dead one."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(TICK_SECONDS):
            if bar.desc:
                bar.refresh()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
