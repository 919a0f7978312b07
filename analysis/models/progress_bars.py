"""transformers' own progress bars, switched off for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

_SWITCH = RLock()


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Keeps transformers' bars from cutting through ours; what else is written stays visible."""
    from transformers import modeling_gguf_pytorch_utils
    from transformers.utils import logging

    # The switch belongs to the process: two threads at once would restore each other's state.
    with _SWITCH:
        # The GGUF reader takes its bar from tqdm directly, so the switch does not reach it.
        gguf_reader: Any = modeling_gguf_pytorch_utils
        reader_bar = gguf_reader.tqdm
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        gguf_reader.tqdm = logging.tqdm
        try:
            yield
        finally:
            gguf_reader.tqdm = reader_bar
            if shown:
                logging.enable_progress_bar()
