"""The document of recipes: every field that a recipe may have is in it, with its default."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from analysis.training.recipe import LINEARS, Quiet, Recipe, SourceSpec

DOCUMENT = Path(__file__).parents[3] / "docs" / "recipe.md"
TABLES = {"field": Recipe, "field of `[[source]]`": SourceSpec, "field of `[quiet]`": Quiet}
OWN_TABLES = {"sources", "quiet"}
"""Fields that are tables of their own in a recipe."""


def table(heading: str) -> dict[str, str]:
    """The fields of a table with their defaults, as the document writes them."""
    text = DOCUMENT.read_text(encoding="utf-8")
    head = re.escape(f"| {heading} | default | meaning |")
    found = re.search(rf"^{head}\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, heading
    written = {}
    for line in found[1].splitlines():
        cells, default, meaning = (cell.strip() for cell in line.strip("|").split("|"))
        assert meaning, line
        names, defaults = cells.split(", "), default.split(", ")
        # One default may stand for all fields of a row.
        each = defaults if len(defaults) == len(names) else [default] * len(names)
        written |= {name.strip("`"): one for name, one in zip(names, each, strict=True)}
    return written


@pytest.mark.parametrize(("heading", "kind"), TABLES.items(), ids=lambda one: str(one))
def test_every_field_is_in_the_document(heading: str, kind: Any) -> None:
    assert set(table(heading)) == {one.name for one in fields(kind)} - OWN_TABLES


@pytest.mark.parametrize(("heading", "kind"), TABLES.items(), ids=lambda one: str(one))
def test_the_document_gives_the_defaults(heading: str, kind: Any) -> None:
    written = table(heading)
    together = [one for one in fields(kind) if one.name not in OWN_TABLES]
    for one in together:
        if (default := shown(one)) is not None:
            assert written[one.name] == default, one.name


def shown(one: Field[Any]) -> str | None:
    """A default as the document writes it; None where it is empty."""
    value = one.default
    if value is MISSING or value == "":
        return None
    if one.name == "modules":
        assert len(LINEARS) == 7
        return "all seven linears"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value)) if value or one.name != "rows" else None
    if isinstance(value, str):
        return "`" + value.replace("\n", "\\n") + "`"
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    return {5e-4: "5e-4"}.get(value, f"{value:g}")
