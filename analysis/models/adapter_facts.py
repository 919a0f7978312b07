"""Facts about loaded adapters that no query changes: computed once, then kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar, cast

from analysis.models.adapters import Adapter, Factor, delta_norm
from analysis.models.collection import Kind
from analysis.models.fitted import Fitted, FittedFiles

T = TypeVar("T")


class AdapterFacts:
    """Facts about the adapters of one engine.

    Args:
        adapters: The adapters.
        fitted_files: The fitted files of their collection; none by default.

    Attributes:
        fitted_files: The fitted files of their collection.
    """

    def __init__(
        self, adapters: Sequence[Adapter], fitted_files: FittedFiles | None = None
    ) -> None:
        self.fitted_files = fitted_files or FittedFiles()
        self._adapters = {adapter.name: adapter for adapter in adapters}
        self._derived: dict[Hashable, Any] = {}
        self._lock = threading.Lock()

    def factors(self, adapter: str) -> Mapping[str, Factor]:
        """A and B of an adapter, by name of the module."""
        return self._adapters[adapter].factors

    def kind(self, adapter: str) -> Kind:
        """Whether an adapter is for a language, a task, or neither."""
        return self._adapters[adapter].entry.kind

    @property
    def digests(self) -> dict[str, tuple[str, str]]:
        """Digests of weights and configuration of the adapters that come from files, by name."""
        return {
            name: (one.sha256, one.config_sha256)
            for name, one in self._adapters.items()
            if one.sha256
        }

    def fitted(self, name: str) -> Fitted | None:
        """A fitted file of the collection; None where there is none. It is read once.

        Args:
            name: Its path in the collection's folder, such as `methods/cat.safetensors`.

        Raises:
            InputError: It is damaged, or was made for another base or with other adapters.
        """
        return self.derived(("fitted", name), lambda: self.fitted_files.read(name))

    def delta_norm(self, adapter: str) -> float:
        """`‖ΔW‖` of an adapter, the Frobenius norm over all its modules."""
        return self.derived(("‖ΔW‖", adapter), lambda: delta_norm(self.factors(adapter).values()))

    def derived(self, key: Hashable, make: Callable[[], T]) -> T:
        """A value that follows from the adapters alone.

        Args:
            key: Names the value: its maker, and the adapters that it depends on.
            make: Makes the value, at the first call with this key.
        """
        with self._lock:
            if key in self._derived:
                return cast(T, self._derived[key])
        # Without the lock, so that no request waits for another's value. Two requests may make the
        # same value at once; both get the first that is there.
        made = make()
        with self._lock:
            return cast(T, self._derived.setdefault(key, made))
