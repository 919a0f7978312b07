"""Starts the page: `python app.py` serves it, and Spaces runs the same file."""

import importlib
import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# Gradio would keep 10 000 events, and make a table of them after each event.
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))

from analysis.common.console import one_line
from analysis.common.errors import InputError
from analysis.common.limits import PUBLIC
from analysis.common.progress import Progress
from analysis.models.collection import Collection
from app.options import read_options
from app.page import build_page
from app.server.clients.proxies import trusted_proxies
from app.server.pages import Pages

# uvicorn reads it when the server starts.
proxies = trusted_proxies(
    os.environ.get("FORWARDED_ALLOW_IPS"), on_space=bool(os.environ.get("SPACE_ID"))
)
if proxies:
    os.environ["FORWARDED_ALLOW_IPS"] = proxies

# ZeroGPU refuses a Space that has no function for its GPU when the server starts. The import takes
# seconds.
zero_gpu = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
if zero_gpu:
    importlib.import_module("app.server.zero_gpu")


def _load(collection: Collection, progress: Progress, beside=None):
    # The import takes seconds, and the page does not need it to start.
    if zero_gpu:
        from app.server.zero_gpu import ZeroGpuEngine as Engine
    else:
        from analysis.engine import Engine

    limits = PUBLIC if options.public else None
    return Engine.load(collection, progress, options.dtype, options.device, limits, beside)


try:
    # Spaces imports this file: the arguments are then another program's.
    options = read_options(sys.argv[1:] if __name__ == "__main__" else ())
    may_add = options.may_add and __name__ == "__main__"
    pages = Pages(_load, build_page, may_add=may_add, public=options.public)
    page = pages.first(options.collection)
    loader = page.loader
    demo, launch = build_page(pages, page)
except InputError as error:
    print(f"error: {one_line(str(error))}", file=sys.stderr)
    sys.exit(2)

if __name__ == "__main__":
    # The server and its first page start before the loading, which would slow them down.
    try:
        server, _, _ = demo.launch(
            prevent_thread_lock=True,
            server_port=options.port,
            mcp_server=options.mcp,
            **launch,
        )
    except OSError as error:
        print(f"error: The page cannot be served ({error})", file=sys.stderr)
        sys.exit(2)
    pages.attach(server)
    loader.start(patience=5.0)
    demo.block_thread()
