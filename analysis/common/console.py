"""Progress on standard error, for the commands and for the start of the page."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

from analysis.common.progress import Progress

TICK_SECONDS = 0.5


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
    with tqdm(total=1.0, bar_format=form, leave=False) as bar:

        def report(phase: str, share: float) -> None:
            bar.n = share
            bar.set_description_str(phase)

        with _ticking(bar):
            yield report


def note(text: str) -> None:
    """A line on standard error that stays, also above a bar."""
    tqdm.write(text, file=sys.stderr)


class _Lines:
    """Says each phase once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._phase = ""

    def __call__(self, phase: str, share: float) -> None:
        if phase != self._phase:
            self._phase = phase
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
