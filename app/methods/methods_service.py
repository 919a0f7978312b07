"""The methods service: the panel, with what can run once the model is loaded."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from analysis.catalogue.availability import unavailable
from analysis.catalogue.groups import groups
from analysis.methods import methods
from analysis.methods._absent import absent_methods
from app.methods.methods_panel import MethodsPanel, methods_panel
from app.server.loader import Loader
from app.widgets import text
from app.widgets.words.said import say

_QUERY = "?"
"""What methods need depends on no prompt, but a context has one."""


class MethodsService:
    """Gives the content of the tab; every visitor sees the same.

    Args:
        loader: Gives the engine once it is loaded.

    Raises:
        InputError: The list of the methods that are not here cannot be used.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._absent = absent_methods()
        self._reasons: Mapping[str, str] | None = None
        self._lock = threading.Lock()

    @property
    def waits(self) -> bool:
        """Whether it is not known yet which methods can run, but soon will be."""
        return self._reasons is None and self._loader.now.state != "failed"

    def panel(self, fault: str = "") -> MethodsPanel:
        """All methods.

        Args:
            fault: Why it is not known which methods can run, if something failed.
        """
        if not fault and self._loader.now.state == "failed":
            fault = say("The model could not be loaded, so it is not known which methods can run.")
        return methods_panel(groups(), self._absent, self._reasons, fault)

    def find_available(self) -> None:
        """Finds out which methods can run, once, as soon as the model is there."""
        engine = self._loader.engine
        with self._lock:
            if engine is None or self._reasons is not None:
                return
            context = engine.context(engine.prompt(_QUERY))
            # Of the methods that take an adapter, one adapter stands for all.
            names = {
                f"{name}:{engine.adapters[0]}" if method.of_adapter else name: name
                for name, method in methods().items()
            }
            reasons = unavailable(list(names), context)
            self._reasons = {
                names[name]: text.without_folders(str(reason)) for name, reason in reasons.items()
            }
