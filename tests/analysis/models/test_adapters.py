"""Adapters that cannot be mixed are refused with reason and remedy, and leave the base clean."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.models import adapters
from analysis.models.adapters import delta_norm, load_adapter, load_adapters
from analysis.models.collection import AdapterEntry
from tests import tiny

IDS_RT = torch.tensor([[2, 40, 50, 60]])
PREFIX = "base_model.model.model.layers.1.self_attn.q_proj.lora_"


@pytest.fixture(scope="module")
def base() -> PreTrainedModel:
    return tiny.model("llama")


@pytest.fixture
def folder(tmp_path: Path, base: PreTrainedModel) -> Path:
    """A sound adapter, to be spoiled."""
    return tiny.write_adapter(tmp_path / "spoiled", base, targets=["q_proj", "down_proj"])


def load(base: PreTrainedModel, folder: Path, name: str = "mine") -> Any:
    return load_adapter(base, AdapterEntry(name, "", "other", folder))


def test_a_pickle_beside_safetensors_is_never_read(base: PreTrainedModel, folder: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"not a pickle")
    assert load(base, folder).factors


def test_a_sound_adapter_leaves_the_base_clean_too(base: PreTrainedModel, folder: Path) -> None:
    with torch.inference_mode():
        before = base(IDS_RT).logits
    adapter = load(base, folder)
    assert sorted({name.rsplit(".", 1)[1] for name in adapter.factors}) == ["down_proj", "q_proj"]
    assert len(adapter.factors) == 2 * tiny.LAYERS
    assert not any(isinstance(module, LoraLayer) for module in base.modules())
    assert not hasattr(base, "peft_config")
    assert not any(value.requires_grad for value in base.parameters())
    with torch.inference_mode():
        assert torch.equal(base(IDS_RT).logits, before)


@pytest.mark.parametrize(
    "name", ["half", "forward", "keys", "v1.0", "default", "weight", "a-b_c.d"]
)
def test_any_name_that_a_manifest_takes_can_be_loaded(
    name: str, base: PreTrainedModel, folder: Path
) -> None:
    assert load(base, folder, name).name == name


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_adapters_fit_every_family(tmp_path: Path, family: str) -> None:
    model = tiny.model(family)
    adapter = load(model, tiny.write_adapter(tmp_path, model))
    assert len(adapter.factors) == tiny.LAYERS * (
        7 if family in ("llama", "qwen2", "gemma3", "mistral") else 4
    )


def test_another_familys_adapter_is_refused(tmp_path: Path, base: PreTrainedModel) -> None:
    folder = tiny.write_adapter(tmp_path, tiny.model("gpt2"))
    with pytest.raises(InputError, match="another base model"):
        load(base, folder)


def test_an_adapter_that_is_not_read_again_is_told_of_its_own_place(
    tmp_path: Path, base: PreTrainedModel, folder: Path
) -> None:
    inner = Path(shutil.copytree(folder, tmp_path / "deep" / "inner"))
    flat = AdapterEntry("flat", "Flat", "other", folder)
    deep = AdapterEntry("deep", "Deep", "other", inner.parent)
    said = "Its files lie in the subfolder inner."
    first = load_adapters(base, [flat, deep], lambda *told: None)
    assert said not in first[0].remarks and first[1].remarks[0] == said
    for one, entry in ((first[0], deep), (first[1], flat)):
        (again,) = load_adapters(base, [entry], lambda *told: None, [one])
        assert again.factors is one.factors
        assert again.remarks == load_adapter(base, entry).remarks
        assert (said in again.remarks) == (entry is deep)


def test_size_is_the_norm_of_all_that_is_added(base: PreTrainedModel, folder: Path) -> None:
    adapter = load(base, folder)
    added = [(one.b_Or.double() @ one.a_rI.double()).square() for one in adapter.factors.values()]
    assert delta_norm(adapter.factors.values()) == pytest.approx(
        float(sum(one.sum() for one in added)) ** 0.5, rel=1e-6
    )


def test_files_that_change_while_they_are_read_are_refused(
    base: PreTrainedModel, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tiny.write_adapter(tmp_path / "other", base, targets=["q_proj", "down_proj"], seed=9)
    read = adapters.read_adapter

    def trained_meanwhile(*arguments: Any) -> Any:
        found = read(*arguments)
        shutil.copy(other / "adapter_model.safetensors", folder)
        return found

    monkeypatch.setattr(adapters, "read_adapter", trained_meanwhile)
    with pytest.raises(InputError, match="changed while they were read"):
        load(base, folder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_loaded_adapter_stays_as_it_is_whatever_is_written_into_its_file(
    dtype: torch.dtype, base: PreTrainedModel, tmp_path: Path
) -> None:
    file = tiny.write_adapter(tmp_path / "mine", base, dtype=dtype) / "adapter_model.safetensors"
    factors = load(base, file.parent).factors
    before = {name: (one.a_rI.clone(), one.b_Or.clone()) for name, one in factors.items()}
    with file.open("r+b") as opened:  # as a training does that saves again
        opened.write(bytes(file.stat().st_size))
    for name, (a_rI, b_Or) in before.items():
        assert factors[name].a_rI.equal(a_rI) and factors[name].b_Or.equal(b_Or)
