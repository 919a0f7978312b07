"""How much memory a value takes."""

from __future__ import annotations

import sys
from dataclasses import fields, is_dataclass


def size_of(*values: object) -> int:
    """About the bytes that values keep alive; an object that occurs twice counts once.

    Sees into dataclasses, containers and tensors; of every other object only its own bytes.
    """
    return _size(values, set())


def _size(value: object, seen: set[int]) -> int:
    if id(value) in seen:
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if is_dataclass(value) and not isinstance(value, type):
        return size + sum(_size(getattr(value, field.name), seen) for field in fields(value))
    if isinstance(value, dict):
        return size + sum(_size(key, seen) + _size(held, seen) for key, held in value.items())
    if isinstance(value, tuple | list | set | frozenset):
        return size + sum(_size(held, seen) for held in value)
    # A tensor, known by its storage: this module is there before torch is.
    storage = getattr(value, "untyped_storage", None)
    return size if storage is None else size + _size_of_storage(storage(), seen)


def _size_of_storage(storage: object, seen: set[int]) -> int:
    pointer = storage.data_ptr()  # type: ignore[attr-defined]
    if pointer in seen:
        return 0
    seen.add(pointer)
    return int(storage.nbytes())  # type: ignore[attr-defined]
