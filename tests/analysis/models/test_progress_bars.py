"""Preparing and loading a base leaves the process's standard error to everybody else."""

from __future__ import annotations

import hashlib
import sys
import threading
from pathlib import Path

import gguf
import numpy as np
import pytest
from transformers import modeling_gguf_pytorch_utils as gguf_reader
from transformers.utils import logging

from analysis.models.bases import bundled_base
from analysis.models.bases.base_model import load_base
from analysis.models.bases.bundled import BundledBase
from analysis.models.bases.bundled_base import prepare
from analysis.models.collection import Base

WIDTH, INNER, LAYERS = 16, 24, 3
WORDS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁a"]


def write_gguf(path: Path) -> None:
    """A Llama model of random numbers, with its tokenizer."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(WORDS))
    writer.add_rope_dimension_count(8)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(WORDS)
    writer.add_token_scores([-float(place) for place in range(len(WORDS))])
    kinds = [2, 3, 3, *[6] * 256, *[1] * 4]  # unknown, control, bytes, ordinary
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    noise = np.random.default_rng(0)
    shapes = {
        "token_embd": (len(WORDS), WIDTH),
        "output_norm": (WIDTH,),
        "output": (len(WORDS), WIDTH),
    }
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.attn_norm": (WIDTH,),
            f"blk.{layer}.ffn_norm": (WIDTH,),
            **{f"blk.{layer}.attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "output")},
            **{f"blk.{layer}.ffn_{part}": (INNER, WIDTH) for part in ("gate", "up")},
            f"blk.{layer}.ffn_down": (WIDTH, INNER),
        }
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", noise.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small base instead of the embedded one, in one installed chunk."""
    info, data = tmp_path / "site" / "small_base-1.dist-info", tmp_path / "site" / "small_base"
    info.mkdir(parents=True)
    data.mkdir()
    write_gguf(data / "base.part0")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: small-base\nVersion: 1\n")
    (info / "RECORD").write_text("small_base/base.part0,,\n")
    digest = hashlib.sha256((data / "base.part0").read_bytes()).hexdigest()
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("FUSION_LENS_HOME", str(tmp_path / "home"))
    described = BundledBase(
        "a small base", "none", "small-base==1", "small", digest, (("small-base", "base.part0"),), 0
    )
    monkeypatch.setattr(bundled_base, "bundled_base", lambda name: described)
    return tmp_path / "home"


def test_standard_error_stays_everybodys_while_the_base_is_made(
    small: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own, seen, done = sys.stderr, set(), threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(sys.stderr)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        folder = prepare()
        load_base(Base("folder", str(folder)))
    finally:
        done.set()
        watcher.join()
    assert seen == {own}
    assert capfd.readouterr().err == "", "a progress bar of transformers cut in"


@pytest.mark.parametrize("shown", [True, False])
def test_other_progress_bars_are_as_before(small: Path, shown: bool) -> None:
    before, bar = logging.is_progress_bar_enabled(), gguf_reader.tqdm
    try:
        (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
        load_base(Base("folder", str(prepare())))
        assert logging.is_progress_bar_enabled() is shown
        assert gguf_reader.tqdm is bar
    finally:
        (logging.enable_progress_bar if before else logging.disable_progress_bar)()
