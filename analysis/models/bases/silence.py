"""Silence of transformers while this product shows its own progress."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import RLock
from typing import Any

_SETTINGS = RLock()


@contextmanager
def silent_transformers() -> Iterator[None]:
    """Within this context transformers shows no progress bars and no warnings.

    Standard error itself is left alone: it belongs to the whole process, other threads included.
    """
    from transformers.utils import logging

    # Its settings belong to the process: two threads at once would restore each other's.
    with _SETTINGS:
        # It imports its bar on its own, past transformers' switch.
        gguf: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
        bars, verbosity, gguf_bar = (
            logging.is_progress_bar_enabled(),
            logging.get_verbosity(),
            gguf.tqdm,
        )
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        gguf.tqdm = partial(gguf_bar, disable=True)
        try:
            yield
        finally:
            gguf.tqdm = gguf_bar
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()
