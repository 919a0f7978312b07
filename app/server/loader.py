"""Loads the engine in the background, so that the page is there at once."""

from __future__ import annotations

import atexit
import gc
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from app.widgets.text import plain
from app.widgets.words.said import say, spoken

if TYPE_CHECKING:
    from analysis.engine import Engine

_log = logging.getLogger(__name__)

_FAILED = say("The model could not be loaded. The server log gives the reason.")


@dataclass(frozen=True)
class Loading:
    """The state of the loading.

    Attributes:
        what: The current step, or the error.
        share: How much of the step is done, 0 to 1.
        state: `loading`, `ready` or `failed`.
    """

    what: str
    share: float
    state: str


class _Closed(Exception):
    """Python ends, so the loading must end too."""


class Loader:
    """Loads the engine in a thread and reports its progress.

    When Python ends, the loading ends at its next step: a thread that is cut off inside torch
    aborts the whole process.

    Args:
        load: Loads an engine and reports its progress.
        idle_seconds: After so long without anybody the engine is let go; None for never.
        tells: Whether the page says why a loading failed, with the places of files; otherwise the
            server log says so alone.

    Attributes:
        wanted: Set once a browser shows the page or a request waits for the engine.
    """

    def __init__(
        self,
        load: Callable[[Progress], Engine],
        *,
        idle_seconds: float | None = None,
        tells: bool = True,
    ) -> None:
        self._load = load
        self._idle_seconds = idle_seconds
        self._tells = tells
        self._engine: Engine | None = None
        self._now = Loading(say("starting"), 0.0, "loading")
        self._done = threading.Event()
        self._closed = False
        self._last_seen = time.monotonic()
        self.wanted = threading.Event()

    def start(self, patience: float | None = 0.0) -> None:
        """Starts to load; called once.

        Args:
            patience: The most seconds to wait until somebody wants the engine; None for as long as
                it takes.
        """
        self._thread = threading.Thread(
            target=self._run, args=(patience,), name="load-engine", daemon=True
        )
        self._thread.start()
        atexit.register(self.close)

    def close(self) -> None:
        """Ends the loading at its next step, and waits for it."""
        self._closed = True
        self.wanted.set()
        self._thread.join()

    def seen(self, *, anybody: bool) -> None:
        """Lets the engine go where nobody was there for long; who comes later has it loaded again.

        Called now and then.

        Args:
            anybody: Whether a visitor or a program is there now.
        """
        now = time.monotonic()
        if anybody or self._engine is None:
            self._last_seen = now
        elif self._idle_seconds is not None and now - self._last_seen >= self._idle_seconds:
            self._let_go(self._engine)

    @property
    def now(self) -> Loading:
        """The state of the loading."""
        return self._now

    @property
    def engine(self) -> Engine | None:
        """The engine; None while it is being loaded, or if that failed."""
        return self._engine

    @property
    def loaded(self) -> Engine:
        """The engine.

        Raises:
            InputError: It is still being loaded, or could not be.
        """
        engine = self.wait(0.0)
        if engine is None:
            raise InputError(say("The model is still being loaded: try again in a moment."))
        return engine

    def wait(self, seconds: float) -> Engine | None:
        """The engine; None if it is still being loaded after some seconds.

        Raises:
            InputError: The engine could not be loaded.
        """
        self.wanted.set()
        self._done.wait(seconds)
        if self._now.state == "failed":
            raise InputError(self._now.what)
        return self._engine

    def _let_go(self, engine: Engine) -> None:
        self.wanted.clear()
        self._done.clear()
        self._now = Loading(say("starting"), 0.0, "loading")
        self._engine = None
        engine.close()
        self.start(patience=None)

    def _run(self, patience: float | None) -> None:
        gc.collect()  # an engine that was let go
        self.wanted.wait(patience)
        try:
            self._tell(say("starting"), 0.0)
            self._engine = self._load(self._tell)
            computed = self._engine.computation
            ready = say(
                "ready · {dtype} on {device}", dtype=computed.dtype, device=computed.device.upper()
            )
            self._now = Loading(ready, 1.0, "ready")
        except _Closed:
            self._now = Loading(say("The server has ended."), 1.0, "failed")
        except Exception as error:
            known = isinstance(error, InputError)
            if not known or not self._tells:
                _log.error("The engine could not be loaded: %s", error, exc_info=not known)
            told = error.message if isinstance(error, InputError) and self._tells else _FAILED
            self._now = Loading(plain(told), 1.0, "failed")
        finally:
            self._done.set()
            # Python would keep the engine as long as it knows this loader.
            atexit.unregister(self.close)

    def _tell(self, what: str, share: float) -> None:
        if self._closed:
            raise _Closed
        self._now = Loading(spoken(what), share, "loading")
