"""The export panel: files to save, and the permalink."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SavedFile:
    """A file for the browser to save.

    Attributes:
        name: Its name.
        media: Its media type.
        text: Its content.
    """

    name: str
    media: str
    text: str


@dataclass(frozen=True)
class Permalink:
    """The link of what the page shows.

    Attributes:
        text: The part of the address after `?`.
        keys: All keys that such links have; the page keeps other keys of its address.
    """

    text: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class ExportPanel:
    """What can be saved.

    Attributes:
        ready: Whether there is anything to save.
        link: The permalink; None keeps the one that the panel has.
        run: Number of the run that the link leads to; 0 for the stored example, which needs no
            link in the page's address.
        note: A sentence about the link.
        file: A file to save now.
        download: The address of a file to save now that is too large for a panel.
        number: Number of that file: a panel ignores contents that equal the contents before.
        name: The name of the files, without their kind.
        caption: What an image says above the grid, line by line; escaped for Plotly.
        moment: The page drops contents of an earlier moment than those that it shows.
    """

    ready: bool
    link: Permalink | None = None
    run: int = 0
    note: str = ""
    file: SavedFile | None = None
    download: str = ""
    number: int = 0
    name: str = ""
    caption: tuple[str, ...] = ()
    moment: int = field(default=0, compare=False)

    @classmethod
    def empty(cls) -> ExportPanel:
        """The panel before there is anything to save; the page hides it."""
        return cls(ready=False)
