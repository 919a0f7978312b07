"""The panel of files and the permalink."""

from __future__ import annotations

from typing import Any

View = dict[str, Any]


def files_view(ready: bool, link: View | None = None, run: int = 0, note: str = "") -> View:
    """What the panel of files shows.

    Args:
        ready: Whether there is something to take.
        link: The permalink of what is shown, its `text` and the `keys` that such links have; None
            leaves the link as it is.
        run: Number of the run that the link leads to; 0 where it is the stored example, which is
            there without a link.
        note: Said of the link.
    """
    return {"ready": ready, "link": link, "run": run, "note": note, "file": None}
