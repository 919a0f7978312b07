"""Fitted files: what a lens or a method learnt, kept beside a collection with its origin.

A fitted file is a safetensors file. Its metadata say which command made it, from which data, and
for which base and adapters, so that a file is never used with other weights than it was made for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from analysis.common.errors import InputError
from analysis.models.bases.identity import base_digest
from analysis.models.collection import AdapterEntry, Base
from analysis.models.own_collection import content_digest

_NOTE = "fusion_lens"
_EMBEDDED = Base("embedded")


@dataclass(frozen=True)
class Origin:
    """How a fitted file was made.

    Attributes:
        command: The command that made it.
        data: The data that it was fitted on, in words, with their licences.
        base: Name of the base model: `embedded`, a folder's name or a hub id.
        adapters: `content_digest` of each adapter by name; empty where no adapter had a part.
        base_digest: `base_digest` of the base model.
    """

    command: str
    data: str
    base: str
    adapters: Mapping[str, str] = field(default_factory=dict)
    base_digest: str = ""


def origin_of(command: str, data: str, base: Base, adapters: Sequence[AdapterEntry] = ()) -> Origin:
    """The origin of what is learnt for a base, with the adapters that have a part in it."""
    digests = {entry.name: content_digest(entry) for entry in adapters}
    return Origin(command, data, base.name, digests, base_digest(base))


@dataclass(frozen=True)
class Fitted:
    """A fitted file.

    Attributes:
        tensors: Its tensors by name, on the CPU.
        origin: How it was made.
    """

    tensors: Mapping[str, Tensor] = field(repr=False)
    origin: Origin


def write_fitted(path: Path, tensors: Mapping[str, Tensor], origin: Origin) -> None:
    """Writes a fitted file; an interrupted write leaves the old file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    # Copies: safetensors refuses tensors that share memory.
    own = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    try:
        save_file(own, part, metadata={_NOTE: json.dumps(asdict(origin), sort_keys=True)})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)  # of a disk that is full


def read_fitted(path: Path) -> Fitted:
    """Reads a fitted file.

    Raises:
        InputError: It is not there, damaged, or has no origin.
    """
    if not path.is_file():
        raise InputError(f"There is no fitted file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            note = (file.metadata() or {}).get(_NOTE)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}): make it anew.") from error
    try:
        origin = Origin(**json.loads(note or ""))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} does not say how it was made: make it anew.") from error
    return Fitted(tensors, origin)


@dataclass(frozen=True)
class FittedFiles:
    """The fitted files of a collection.

    Attributes:
        folder: The collection's folder; None where there is none.
        base: The base model that is loaded.
        adapters: The adapters that are loaded.
    """

    folder: Path | None = None
    base: Base = _EMBEDDED
    adapters: tuple[AdapterEntry, ...] = ()

    def read(self, name: str) -> Fitted | None:
        """Reads a file that was made for this base and these adapters.

        Args:
            name: The file's path in the collection's folder, such as `methods/cat.safetensors`.

        Returns:
            The file; None where the collection has none.

        Raises:
            InputError: It is damaged, or was made for another base or with other adapters.
        """
        if self.folder is None or not (self.folder / name).is_file():
            return None
        fitted = read_fitted(self.folder / name)
        self._check(name, fitted.origin)
        return fitted

    def _check(self, name: str, origin: Origin) -> None:
        anew = f"make it anew with `{origin.command}`"
        if origin.base_digest != base_digest(self.base):
            own = self.base.name
            other = "another base of this name" if origin.base == own else f"the base {origin.base}"
            raise InputError(f"{name} was made for {other}, not {own} as it is here: {anew}.")
        loaded = {entry.name: entry for entry in self.adapters}
        for adapter, digest in origin.adapters.items():
            # An adapter that is not loaded has no part in an answer.
            if adapter in loaded and content_digest(loaded[adapter]) != digest:
                raise InputError(f"{name} was made with another adapter {adapter}: {anew}.")
