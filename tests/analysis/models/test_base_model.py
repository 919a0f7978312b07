"""Bases are read in float32 wherever they run, unless somebody asks for bfloat16."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from analysis.common.errors import InputError
from analysis.engine import Engine
from analysis.models.base_model import load_base
from analysis.models.manifest import Base, load_collection
from analysis.training.run import training_base, training_dtype
from analysis.training.subject import Runner
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
    collection = load_collection(manifest)
    assert Runner(collection).model.dtype == torch.float32
    engine = Engine.load(collection)
    assert (engine.dtype, engine.device) == ("float32", "CPU")
    half = Engine.load(collection, dtype="bfloat16")
    assert (half.dtype, half.device) == ("bfloat16", "CPU")


@pytest.mark.parametrize("dtype", ["auto", "float16", "", "int8"])
def test_other_dtypes_are_refused(base: Base, dtype: str) -> None:
    with pytest.raises(InputError, match=f"{dtype!r}: take one of float32, bfloat16"):
        load_base(base, dtype=dtype)


def test_training_chooses_bfloat16_where_the_hardware_multiplies_in_it(base: Base) -> None:
    assert training_dtype("auto", "cuda") == "bfloat16"
    assert training_dtype("auto", "cpu") in ("float32", "bfloat16")
    for dtype in ("float32", "bfloat16"):
        assert training_dtype(dtype, "cpu") == training_dtype(dtype, "cuda") == dtype
        model, tokenizer = training_base(base.location, dtype, "cpu")
        assert (str(model.dtype), model.device.type) == (f"torch.{dtype}", "cpu")
        assert tokenizer.bos_token == "<bos>"
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_base_to_train_on_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no base folder.*--base"):
        training_base(str(tmp_path / "nowhere"), "float32", "cpu")


def test_a_lens_that_does_not_exist_is_refused_with_its_manifest(tmp_path: Path) -> None:
    collection = load_collection(tiny.tiny_collection(tmp_path, ("math",), lens="blurred"))
    with pytest.raises(InputError, match="field lens: There is no lens 'blurred': take one of"):
        Engine.load(collection)
