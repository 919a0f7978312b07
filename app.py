"""Starts the page: `python app.py` serves it, and Spaces runs the same."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from analysis.common.progress import Progress
from app.page import build, chosen_collection, launch_options
from app.server.loader import Loader

collection = chosen_collection()


def _load(progress: Progress):
    # Importing it takes seconds, which the page need not wait for.
    from analysis.engine import Engine

    return Engine.load(collection, progress)


loader = Loader(_load)
demo = build(collection, loader)

if __name__ == "__main__":
    # The server and the first page first: loading would slow both down.
    demo.launch(prevent_thread_lock=True, **launch_options(collection))
    loader.start(patience=5.0)
    demo.block_thread()
