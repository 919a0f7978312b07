"""Starts the page: `python app.py` serves it, and Spaces runs the same file."""

import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from analysis.common.errors import InputError
from analysis.common.progress import Progress
from app.page import build, collection_from_environment, content_of, launch_options
from app.server.loader import Loader


def _load(progress: Progress):
    # The import takes seconds, and the page does not need it to start.
    from analysis.engine import Engine

    return Engine.load(content.collection, progress)


loader = Loader(_load)
try:
    content = content_of(collection_from_environment())
    demo = build(content, loader)
except InputError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)

if __name__ == "__main__":
    # The server and its first page start before the loading, which would slow them down.
    demo.launch(prevent_thread_lock=True, **launch_options(content))
    loader.start(patience=5.0)
    demo.block_thread()
