"""Files that are too large for a panel: kept for a while, and fetched by an address."""

from __future__ import annotations

import secrets
import tempfile
import threading
from collections import OrderedDict
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

    def place(self, name: str) -> tuple[Path, str]:
        """Where a new file is to be written, and the address that it then has on a page.

        Args:
            name: The file's name.
        """
        token = secrets.token_urlsafe(16)
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="fusion-lens-")
            path = Path(self._folder.name) / token
            self._files[token] = path
            while len(self._files) > _MOST_FILES:
                self._files.popitem(last=False)[1].unlink(missing_ok=True)
        return path, f"{_FOLDER}/{token}/{name}"

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
