"""Results as JSON: each kind of result has a name and a version, so that readers can refuse."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import lru_cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from analysis.common.errors import InputError

T = TypeVar("T")


def as_json(result: Any, name: str, version: int) -> dict[str, Any]:
    """A frozen result as plain data, with the name and the version of its schema first.

    Args:
        result: A dataclass of plain values.
        name: Name of the schema.
        version: Version of the schema; it rises when a field changes its meaning or goes.
    """
    assert is_dataclass(result) and not isinstance(result, type)
    return {"schema": name, "version": version} | asdict(result)


def from_json(kind: type[T], content: Any) -> T:
    """A dataclass from the plain data that `as_json` or `asdict` made of it.

    Args:
        kind: The dataclass, of plain values, tuples, mappings and other such dataclasses.
        content: The plain data; fields with a default may be missing.

    Raises:
        TypeError, KeyError: The data is not of this form.
    """
    return cast(T, _value(kind, content))


def _value(kind: Any, content: Any) -> Any:
    if kind is Any:
        return content
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(content, dict):
            raise TypeError(f"{content!r} is no object")
        hints = _hints(kind)
        known = {name: _value(hints[name], value) for name, value in content.items()
                 if name in hints}  # fmt: skip
        return kind(**known)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _of_union(arguments, content)
    if origin is tuple:
        if not isinstance(content, list):
            raise TypeError(f"{content!r} is no list")
        return tuple(_value(arguments[0], one) for one in content)
    if origin in (dict, Mapping):
        if not isinstance(content, dict):
            raise TypeError(f"{content!r} is no object")
        return {name: _value(arguments[1], value) for name, value in content.items()}
    if kind is float and type(content) is int:
        return float(content)
    if isinstance(kind, type) and not isinstance(content, kind):
        raise TypeError(f"{content!r} is no {kind.__name__}")
    return content


def _of_union(kinds: tuple[Any, ...], content: Any) -> Any:
    for kind in kinds:
        try:
            return _value(kind, content)
        except (TypeError, KeyError):
            continue
    raise TypeError(f"{content!r} is none of {kinds}")


@lru_cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def check_schema(content: dict[str, Any], name: str, version: int) -> None:
    """Refuses data of another schema or version.

    Raises:
        InputError: The data names another schema or another version.
    """
    found = (content.get("schema"), content.get("version"))
    if found != (name, version):
        raise InputError(
            f"The result has schema {found[0]!r}, version {found[1]!r}, and {name!r}, version "
            f"{version} is read: make the result again with this version of Fusion Lens."
        )
