"""Bases are read in float32 wherever they run, unless somebody asks for bfloat16."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.models.bases import bundled_base
from analysis.models.bases.base_model import load_base
from analysis.models.bases.prepared_files import record
from analysis.models.collection import Base
from analysis.models.manifest import load_collection
from analysis.training.run import base_to_train_on
from tests import tiny


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_collection(tmp_path_factory.mktemp("tiny"), ("math",))


@pytest.fixture
def base(manifest: Path) -> Base:
    return load_collection(manifest).base


@pytest.mark.parametrize("gpu", [False, True])
def test_float32_is_the_default_on_every_device(
    base: Base, monkeypatch: pytest.MonkeyPatch, gpu: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert load_base(base)[0].dtype == torch.float32


def test_an_engine_says_what_it_computes_in_and_where(manifest: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        computation = Engine.load(load_collection(manifest), dtype=dtype).computation
        assert (computation.dtype, computation.device) == (dtype, "cpu")


def test_damage_inside_the_weights_of_a_prepared_base_is_named_with_the_remedy(
    base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(base.location, tmp_path / "prepared"))
    monkeypatch.setattr(bundled_base, "prepare", lambda *_: folder)
    record(folder, ("config.json", "model.safetensors"))
    load_base(Base("embedded"))
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    # A block of a disk that was lost: the file is as long as it was and has a header.
    weights.write_bytes(content[:-400] + b"\xff" * 400)
    with pytest.raises(InputError) as refusal:
        load_base(Base("embedded"))
    said = str(refusal.value)
    assert said.startswith("model.safetensors of the prepared base") and "NaN" in said
    assert said.endswith(f"Delete {folder} to have it made anew.")
    weights.write_bytes(content)
    load_base(Base("embedded"))


@pytest.mark.parametrize("dtype", ["auto", "float16", "", "int8"])
def test_other_dtypes_are_refused(base: Base, dtype: str) -> None:
    with pytest.raises(InputError, match=f"{dtype!r}: take one of float32, bfloat16"):
        load_base(base, dtype=dtype)


@pytest.mark.parametrize("device", ["gpu", "", "cuda:99", "cpu:1", "meta"])
def test_devices_that_are_not_here_are_refused(base: Base, device: str) -> None:
    with pytest.raises(InputError, match=f"no device '{device}' here: take one of cpu"):
        load_base(base, device=device)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_training_loads_the_same_base_frozen(base: Base, dtype: str) -> None:
    model, tokenizer = base_to_train_on(base.location, dtype, "cpu")
    assert (model.dtype, model.device.type) == (getattr(torch, dtype), "cpu")
    assert tokenizer.bos_token == "<bos>"
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_base_to_train_on_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no base folder.*one of gemma-3-270m"):
        base_to_train_on(str(tmp_path / "nowhere"), "float32", "cpu")
