"""Files that are too large for a panel: kept for a while, and fetched by an address."""

from __future__ import annotations

import secrets
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

_FOLDER = "fusion-lens/file"
_MOST_FILES = 4


class Downloads:
    """The newest files of a server; the longest unused go first, and all with the process."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files: OrderedDict[str, Path] = OrderedDict()
        self._lock = threading.Lock()
        # Held while a file is made: many at once would fill memory and disk.
        self._making = threading.Lock()

    def keep(self, name: str, write: Callable[[Path], object]) -> str:
        """Makes a file and keeps it, one at a time; gives the address that it has on a page.

        Args:
            name: The file's name.
            write: Writes the file at a path; half a file is removed where this fails.
        """
        token = secrets.token_urlsafe(16)
        with self._making:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="fusion-lens-")
            path = Path(self._folder.name) / token
            try:
                write(path)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            with self._lock:
                # Known only now: a file that is pushed out is on the disk, and goes from there.
                self._files[token] = path
                while len(self._files) > _MOST_FILES:
                    self._files.popitem(last=False)[1].unlink(missing_ok=True)
        return f"{_FOLDER}/{token}/{name}"

    def routes(self) -> list[Route]:
        """The route of the files."""

        async def file(request: Request) -> Response:
            with self._lock:
                path = self._files.get(request.path_params["token"])
            if path is None or not path.is_file():
                return PlainTextResponse("This file is no longer kept: export it again.", 404)
            return FileResponse(path, filename=request.path_params["name"])

        return [Route(f"/{_FOLDER}/{{token}}/{{name}}", file)]


DOWNLOADS = Downloads()
"""The files of this server."""
