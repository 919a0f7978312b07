"""Starts the page: `python app.py` serves it, and Spaces runs the same file."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from analysis.common.progress import Progress
from app.page import build, collection_from_environment, launch_options
from app.server.loader import Loader

collection = collection_from_environment()


def _load(progress: Progress):
    # The import takes seconds, and the page does not need it to start.
    from analysis.engine import Engine

    return Engine.load(collection, progress)


loader = Loader(_load)
demo = build(collection, loader)

if __name__ == "__main__":
    # The server and its first page start before the loading, which would slow them down.
    demo.launch(prevent_thread_lock=True, **launch_options(collection))
    loader.start(patience=5.0)
    demo.block_thread()
