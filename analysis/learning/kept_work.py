"""The work of an interrupted fit, kept so that the same command goes on with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

_KEY = "fit"
_SECONDS = 20.0


class KeptWork:
    """Tensors in a file beside the fitted one.

    Args:
        path: The file; None keeps nothing.
        key: Digest of all that the work depends on. Work with another key is not used.
        seconds: The shortest time between two writes.
    """

    def __init__(
        self, path: Path | None = None, key: str = "", *, seconds: float = _SECONDS
    ) -> None:
        self._path = path
        self._key = key
        self._seconds = seconds
        self._written = time.monotonic()

    def read(self) -> dict[str, Tensor]:
        """What an earlier run left; nothing where there is none, or it cannot be used."""
        if self._path is None or not self._path.is_file():
            return {}
        try:
            with safe_open(self._path, framework="pt") as file:
                if (file.metadata() or {}).get(_KEY) != self._key:
                    return {}
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            return {}

    def write(self, tensors: Mapping[str, Tensor]) -> None:
        """Keeps tensors in place of those before; not more often than `seconds` allows."""
        now = time.monotonic()
        if self._path is None or now - self._written < self._seconds:
            return
        self._written = now
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(f"{self._path.name}.part")
        # Copies: an optimiser goes on to change its tensors in place.
        copies = {name: value.detach().cpu().clone() for name, value in tensors.items()}
        save_file(copies, part, metadata={_KEY: self._key})
        part.replace(self._path)

    def clear(self) -> None:
        """Forgets the work, once the fitted file is there."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
