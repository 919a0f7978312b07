"""Silence reaches transformers alone, and ends."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from analysis.models.bases.silence import silent_transformers
from tests import tiny


def test_other_threads_keep_their_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    stream = sys.stderr
    with silent_transformers():
        assert sys.stderr is stream
        thread = threading.Thread(target=lambda: print("a message", file=sys.stderr))
        thread.start()
        thread.join()
    assert capsys.readouterr().err == "a message\n"


def test_transformers_is_silent_within_and_as_before_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.model("llama").save_pretrained(tmp_path)
    gguf = import_module("transformers.modeling_gguf_pytorch_utils")
    logging.enable_progress_bar()
    before = (logging.get_verbosity(), gguf.tqdm)
    capsys.readouterr()
    try:
        with pytest.raises(ZeroDivisionError), silent_transformers():
            AutoModelForCausalLM.from_pretrained(tmp_path)
            list(gguf.tqdm(range(3)))
            assert capsys.readouterr().err == ""
            raise ZeroDivisionError
        assert logging.is_progress_bar_enabled()
        assert (logging.get_verbosity(), gguf.tqdm) == before
        list(gguf.tqdm(range(3)))
        assert "3/3" in capsys.readouterr().err
    finally:
        logging.disable_progress_bar()
