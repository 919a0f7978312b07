"""Watches an engine's forward passes through the progress that they tell."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from analysis.engine import Engine

_RUN_THE_MODEL = ("trace", "copies", "every_token")


class Passes:
    """The forward passes of an engine; decoding left out.

    Args:
        engine: Its public methods that run the model are replaced, on this one object.
        on_layer: Called after each layer, before the request hears of it.

    Attributes:
        layers: Of each call that ran the model, how many layers it has run.
    """

    def __init__(self, engine: Engine, on_layer: Callable[[], None] = lambda: None) -> None:
        self.layers: list[int] = []
        self._on_layer = on_layer
        self._changed = threading.Condition()
        self._running = 0
        for name in _RUN_THE_MODEL:
            setattr(engine, name, self._watched(getattr(engine, name)))

    def wait_until_idle(self, seconds: float = 60) -> None:
        """Waits until no call runs, or fails."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._running == 0, seconds), "a pass still runs"

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        def watched(*given: Any, **named: Any) -> Any:
            call = signature.bind(*given, **named)
            progress = call.arguments.get("progress")
            place: int | None = None

            def told(what: str, share: float) -> None:
                nonlocal place
                if what == "tracing":
                    if place is None:
                        place = len(self.layers)
                        self.layers.append(0)
                    self.layers[place] += 1
                    self._on_layer()
                if progress is not None:
                    progress(what, share)

            call.arguments["progress"] = told
            with self._counted():
                return method(*call.args, **call.kwargs)

        return watched

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()


def unwatch(engine: Engine) -> None:
    """Gives the engine its own methods back."""
    for name in _RUN_THE_MODEL:
        vars(engine).pop(name, None)
