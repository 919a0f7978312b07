"""What requests may bring: no body that is far too large, and no file.

Gradio takes files and snapshots of pages from anybody and keeps them on the disk. The page asks for
none, so its server takes none.
"""

from __future__ import annotations

from starlette.responses import PlainTextResponse

from app.server.clients.connections import App, Message, Receive, Scope, Send

MOST_BYTES = 8_000_000
"""The largest body; the largest that the page itself sends are lists of queries and links."""


_TAKE_FILES = ("/gradio_api/upload", "/gradio_api/process_recording", "/gradio_api/deep_link")


class BodyLimit:
    """Middleware that refuses larger bodies, and files.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if str(scope["path"]).rstrip("/").endswith(_TAKE_FILES):
            await PlainTextResponse("This page takes no files.", 404)(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or int(told) > MOST_BYTES:
            said = f"The request is larger than {MOST_BYTES / 1e6:.0f} MB: ask for less at once."
            await PlainTextResponse(said, 413)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            # A body without a length may go on for ever.
            return message if read <= MOST_BYTES else {"type": "http.disconnect"}

        await self._app(scope, counted, send)
