"""The panel of a table of scores: each number stands with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: The number, or a heading.
        detail: Its interval, or a line below the heading.
        mark: `best`, `tied` (with the best), `missed` (a goal) or empty.
    """

    text: str
    detail: str = ""
    mark: Literal["best", "tied", "missed", ""] = ""


@dataclass(frozen=True)
class ScoreRow:
    """A row.

    Attributes:
        heading: Its heading.
        cells: Its cells, one for each column.
    """

    heading: Cell
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ScoreTable:
    """The panel of a table.

    Attributes:
        title: Above the table.
        tag: Beside the title: a warning in two words.
        sentence: How to read it, below the title.
        corner: The heading of the first column.
        groups: Headings over several columns each, with the number of these columns.
        columns: The headings of the columns.
        rows: The rows; the page hides a table without rows.
        note: Below the table.
        sections: Headings over several rows each, with the number of these rows; none by default.
    """

    title: str
    tag: str
    sentence: str
    corner: str
    groups: tuple[tuple[str, int], ...]
    columns: tuple[Cell, ...]
    rows: tuple[ScoreRow, ...]
    note: str = ""
    sections: tuple[tuple[str, int], ...] = ()

    @classmethod
    def empty(cls) -> ScoreTable:
        """A table without rows."""
        return cls("", "", "", "", (), (), ())
