"""Loads the engine in the background, so that the page is there at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.common.errors import InputError
from analysis.common.progress import Progress

if TYPE_CHECKING:
    from analysis.engine import Engine

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loading:
    """How far the loading is.

    Attributes:
        what: What is being done.
        share: How much of it is done, 0 to 1.
        state: `loading`, `ready` or `failed`.
    """

    what: str
    share: float
    state: str


class Loader:
    """Owns the thread that loads the engine, and what it has to say.

    Args:
        load: Loads an engine and tells its progress.

    Attributes:
        shown: Set once a page is on somebody's screen.
    """

    def __init__(self, load: Callable[[Progress], Engine]) -> None:
        self._load = load
        self._engine: Engine | None = None
        self._now = Loading("starting", 0.0, "loading")
        self._done = threading.Event()
        self.shown = threading.Event()

    def start(self, patience: float = 0.0) -> None:
        """Begins to load; once.

        Args:
            patience: How many seconds the first page may take to be shown before that.
        """
        threading.Thread(
            target=self._run, args=(patience,), name="load-engine", daemon=True
        ).start()

    @property
    def now(self) -> Loading:
        """How far it is."""
        return self._now

    @property
    def engine(self) -> Engine | None:
        """The engine, or None where it is not there: not yet, or because it could not be loaded."""
        return self._engine

    def wait(self, seconds: float) -> Engine | None:
        """The engine, or None if it is not there after some seconds.

        Raises:
            InputError: It could not be loaded.
        """
        self._done.wait(seconds)
        if self._now.state == "failed":
            raise InputError(self._now.what)
        return self._engine

    def _run(self, patience: float) -> None:
        self.shown.wait(patience)
        try:
            self._engine = self._load(self._tell)
            computed = self._engine.computation
            ready = f"ready · {computed.dtype} on {computed.device.upper()}"
            self._now = Loading(ready, 1.0, "ready")
        except InputError as error:
            self._now = Loading(str(error), 1.0, "failed")
        except Exception:
            _log.exception("The engine could not be loaded")
            self._now = Loading(
                "The model could not be loaded: the server's log says why.", 1.0, "failed"
            )
        finally:
            self._done.set()

    def _tell(self, what: str, share: float) -> None:
        self._now = Loading(what, share, "loading")
