"""The header of a safetensors file: names, types and shapes, read within limits."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from analysis.common.errors import InputError
from analysis.models.peft_files.faults import refusal, short

_HEADER_BYTES = 8_000_000
_HEADER_VALUES = 600_000
MOST_TENSORS = 65_536
"""The most tensors of a file."""
_LONGEST_NAME = 512
_MOST_DIMENSIONS = 8
# Bytes of a number, of the types that hold real numbers without a scale of their own.
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}


@dataclass(frozen=True)
class TensorHeader:
    """One tensor of a file.

    Attributes:
        dtype: Its type, as safetensors writes it.
        shape: Its shape.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def header_length(file: BinaryIO, size: int) -> int | None:
    """The bytes of a safetensors file's header, which is read next; None if they are not there.

    Args:
        file: The file at its beginning.
        size: Its size in bytes.
    """
    length = int.from_bytes(file.read(8), "little")
    return length if size >= 8 and length <= size - 8 else None


def read_header(adapter: str, path: Path) -> dict[str, TensorHeader]:
    """The tensors of a safetensors file by name; no tensor is read.

    Raises:
        InputError: The file is damaged, cut off, too large, or holds numbers of another type.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = header_length(file, size)
            if length is None:
                raise _damaged(adapter, path, "its header is longer than the file")
            if length > _HEADER_BYTES:
                raise refusal(
                    adapter,
                    f"{path.name} has a header of {length:,} bytes, and at most {_HEADER_BYTES:,} "
                    "are read: save the adapter again with PEFT's save_pretrained.",
                )
            text = file.read(length)
        # Counted before the JSON is parsed, so that a hostile header takes little memory.
        if sum(map(text.count, (b",", b"[", b"{"))) > _HEADER_VALUES:
            raise refusal(
                adapter,
                f"{path.name} has a header of more than {_HEADER_VALUES:,} values: save the "
                "adapter again with PEFT's save_pretrained.",
            )
        content = json.loads(text)
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(adapter, path, type(error).__name__) from error
    if not isinstance(content, dict):
        raise _damaged(adapter, path, "its header is no JSON object")
    content.pop("__metadata__", None)
    if len(content) > MOST_TENSORS:
        raise refusal(
            adapter, f"{path.name} holds {len(content):,} tensors, and at most {MOST_TENSORS:,} "
            "are read: leave out the experts' adapters."
        )  # fmt: skip
    return {name: _tensor(adapter, path, name, one, size) for name, one in content.items()}


def _tensor(adapter: str, path: Path, name: str, content: object, size: int) -> TensorHeader:
    if len(name) > _LONGEST_NAME:
        raise refusal(
            adapter, f"the tensor {short(name)} has a name of {len(name):,} characters, and at "
            f"most {_LONGEST_NAME} are read: save the adapter again."
        )  # fmt: skip
    fields = content if isinstance(content, dict) else {}
    dtype, shape = fields.get("dtype"), fields.get("shape")
    offsets = fields.get("data_offsets")
    if not isinstance(dtype, str) or not _whole(shape) or not _whole(offsets):
        raise _damaged(adapter, path, f"its header does not describe {short(name)}")
    assert isinstance(shape, list) and isinstance(offsets, list)
    if dtype not in _BYTES:
        raise refusal(
            adapter,
            f"{short(name)} holds numbers of type {short(dtype)}: save the adapter again in "
            "float32, float16 or bfloat16.",
        )
    if len(shape) > _MOST_DIMENSIONS or len(offsets) != 2:
        raise _damaged(adapter, path, f"its header does not describe {short(name)}")
    header = TensorHeader(dtype, tuple(shape))
    if offsets[1] - offsets[0] != header.numbers * _BYTES[dtype] or offsets[1] > size:
        raise _damaged(adapter, path, f"{short(name)} is not all there")
    return header


def _whole(values: object) -> bool:
    """Whether a value is a list of whole numbers, at least 0 and of a size that a file can have."""
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 2**48 for value in values
    )


def _damaged(adapter: str, path: Path, reason: str) -> InputError:
    return refusal(adapter, f"{path.name} is damaged or cut off ({reason}): fetch it again.")
