"""The running sums of a fit: what a checkpoint holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from analysis.common.errors import InputError

_NOTE = "fit"


@dataclass
class Sums:
    """Sums of the Jacobians of the prompts so far.

    Attributes:
        settings: What the numbers follow from, in words; a checkpoint of others is refused.
        rows_LDD: Sums of rows, `[layers - 1, width, width]`.
        count_D: How many prompts each row is a sum over.
        prompts: How many prompts are done.
        digest: SHA-256 of their tokens.
    """

    settings: Mapping[str, str]
    rows_LDD: Tensor = field(repr=False)
    count_D: Tensor = field(repr=False)
    prompts: int = 0
    digest: str = ""

    @classmethod
    def none(cls, settings: Mapping[str, str], layers: int, width: int, dtype: torch.dtype) -> Sums:
        """The sums before the first prompt."""
        return cls(
            settings,
            torch.zeros(layers - 1, width, width, dtype=dtype),
            torch.zeros(width, dtype=torch.int64),
        )

    def add(self, ids: Sequence[int], outputs: Tensor, rows_LND: Tensor) -> None:
        """Adds the rows of one prompt."""
        self.rows_LDD[:, outputs] += rows_LND
        self.count_D[outputs] += 1
        self.prompts += 1
        self.digest = chained(self.digest, ids)

    def means(self) -> Tensor:
        """The mean Jacobians, `[layers - 1, width, width]`.

        Raises:
            InputError: Some rows have no prompt yet.
        """
        missing = int((self.count_D == 0).sum())
        if missing:
            raise InputError(
                f"{missing} of {len(self.count_D)} rows have no prompt: ask for more --prompts or "
                "more --rows."
            )
        return self.rows_LDD / self.count_D[:, None]

    def save(self, path: Path) -> None:
        """Writes a checkpoint; an interrupted write leaves the old one as it was."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        note = {"settings": self.settings, "prompts": self.prompts, "digest": self.digest}
        save_file(
            {"rows_LDD": self.rows_LDD, "count_D": self.count_D},
            part,
            metadata={_NOTE: json.dumps(note)},
        )
        part.replace(path)

    @classmethod
    def load(cls, path: Path, settings: Mapping[str, str]) -> Sums:
        """Reads a checkpoint.

        Raises:
            InputError: It cannot be read, or is of a fit with other settings.
        """
        remedy = "delete it or name another --work"
        try:
            with safe_open(path, framework="pt") as file:
                note = json.loads((file.metadata() or {})[_NOTE])
                rows_LDD, count_D = file.get_tensor("rows_LDD"), file.get_tensor("count_D")
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise InputError(f"The checkpoint {path} cannot be read: {remedy}.") from error
        known = note["settings"]
        other = [name for name in settings if known.get(name) != settings[name]]
        if other:
            raise InputError(
                f"The checkpoint {path} is of another fit ({', '.join(other)} differ): {remedy}."
            )
        return cls(settings, rows_LDD, count_D, note["prompts"], note["digest"])


def chained(digest: str, ids: Sequence[int]) -> str:
    """The digest of one more prompt behind others."""
    return hashlib.sha256(f"{digest} {list(ids)}".encode()).hexdigest()
