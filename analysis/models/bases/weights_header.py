"""The header of a base's file of weights: where its tensors lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from analysis.models.peft_files.header import header_length

_MOST_BYTES = 100_000_000


@dataclass(frozen=True)
class WeightsHeader:
    """The header of a safetensors file.

    Attributes:
        size: Bytes of the whole file.
        text: The header as it is; empty where it is not all there or too long to be read.
        spans: Begin and end of each tensor, counted from the end of the header; None where the
            header does not say.
    """

    size: int
    text: bytes
    spans: tuple[tuple[int, int], ...] | None

    @property
    def first(self) -> int:
        """The place of the first tensor in the file."""
        return 8 + len(self.text)

    @property
    def whole(self) -> bool:
        """Whether the file ends where its last tensor does."""
        if self.spans is None:
            return False
        return self.first + max((end for _, end in self.spans), default=0) == self.size


def read_weights_header(path: Path) -> WeightsHeader:
    """The header of a safetensors file, whatever it holds; no tensor is read.

    Raises:
        OSError: The file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = header_length(file, size)
        text = file.read(length) if length is not None and length <= _MOST_BYTES else b""
    return WeightsHeader(size, text, _spans(text))


def _spans(text: bytes) -> tuple[tuple[int, int], ...] | None:
    try:
        table = json.loads(text)
        places = [one["data_offsets"] for name, one in table.items() if name != "__metadata__"]
        return tuple((int(start), int(end)) for start, end in places)
    # `int` overflows at 1e999, which JSON reads as infinity.
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None
