"""Results as JSON: each kind of result has a name and a version, so that readers can refuse."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import Any

from analysis.common.errors import InputError


def as_json(result: Any, name: str, version: int) -> dict[str, Any]:
    """A frozen result as plain data, with the name and the version of its schema first.

    Args:
        result: A dataclass of plain values.
        name: Name of the schema.
        version: Version of the schema; it rises when a field changes its meaning or goes.
    """
    assert is_dataclass(result) and not isinstance(result, type)
    return {"schema": name, "version": version} | asdict(result)


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
