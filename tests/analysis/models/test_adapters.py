"""Adapters that cannot be mixed are refused with reason and remedy, and leave the base clean."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from analysis.common.errors import InputError
from analysis.models.adapter_checks import CONFIG, TENSORS
from analysis.models.adapters import delta_norm, load_adapter
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


def configured(**changes: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / CONFIG
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return spoil


def with_tensors(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        tensors = load_file(folder / TENSORS)
        change(tensors)
        save_file(tensors, folder / TENSORS)

    return spoil


def nan(tensors: dict[str, Tensor]) -> None:
    tensors[PREFIX + "A.weight"][1, 2] = torch.nan


def infinite(tensors: dict[str, Tensor]) -> None:
    tensors[PREFIX + "B.weight"][0, 0] = -torch.inf


def renamed(old: str, new: str) -> Callable[[dict[str, Tensor]], None]:
    def change(tensors: dict[str, Tensor]) -> None:
        for key in [key for key in tensors if old in key]:
            tensors[key.replace(old, new)] = tensors.pop(key)

    return change


def only_a_pickle(folder: Path) -> None:
    torch.save(load_file(folder / TENSORS), folder / "adapter_model.bin")
    (folder / TENSORS).unlink()


def truncated(share: float) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        content = (folder / TENSORS).read_bytes()
        (folder / TENSORS).write_bytes(content[: int(share * len(content))])

    return spoil


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def written(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


A, B = PREFIX + "A.weight", PREFIX + "B.weight"
REFUSALS: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickle only": (only_a_pickle, r"only adapter_model\.bin.*run code.*safe_serialization"),
    "no tensors": (without(TENSORS), "has no adapter_model.safetensors"),
    "no config": (without(CONFIG), "has no adapter_config.json.*save_pretrained"),
    "config is no JSON": (written(CONFIG, "{"), "cannot be read"),
    "config is a list": (written(CONFIG, "[]"), "no JSON object"),
    "truncated": (truncated(0.6), "damaged or cut off.*fetch it again"),
    "truncated in its header": (truncated(0.01), "damaged or cut off"),
    "empty": (truncated(0), "damaged or cut off"),
    "nan": (with_tensors(nan), "layers.1.self_attn.q_proj.lora_A.*NaN.*earlier checkpoint"),
    "infinity": (with_tensors(infinite), "infinity"),
    "another width": (
        with_tensors(lambda t: t.update({A: torch.zeros(4, 31)})),
        r"A of .*q_proj.*\(4, 31\).* 32 .*another base",
    ),
    "another output": (
        with_tensors(lambda t: t.update({B: torch.zeros(33, 4)})),
        r"B of .*\(33, 4\).* 32 ",
    ),
    "a vector": (with_tensors(lambda t: t.update({A: torch.zeros(32)})), "another base|belong"),
    "ranks that differ": (
        with_tensors(lambda t: t.update({A: torch.zeros(5, 32)})),
        r"\(5, 32\).*\(32, 4\).*belong together",
    ),
    "a rank that the config does not say": (
        with_tensors(lambda t: t.update({A: torch.zeros(5, 32), B: torch.zeros(32, 5)})),
        "PEFT cannot load it",
    ),
    "no B": (with_tensors(lambda t: t.pop(B)), "None.*belong together"),
    "more layers than the base": (
        with_tensors(renamed("layers.2.", "layers.7.")),
        "layers.7.*no such linear",
    ),
    "a whole module": (
        with_tensors(
            lambda t: t.update({"base_model.model.model.norm.weight": torch.zeros(tiny.WIDTH)})
        ),
        "norm.weight.*neither the A nor the B",
    ),
    "a DoRA magnitude": (
        with_tensors(lambda t: t.update({PREFIX + "magnitude_vector": torch.zeros(tiny.WIDTH)})),
        "magnitude_vector.*cannot be mixed",
    ),
    "on the LM head": (
        with_tensors(
            lambda t: t.update(
                {
                    "base_model.model.lm_head.lora_A.weight": torch.zeros(4, tiny.WIDTH),
                    "base_model.model.lm_head.lora_B.weight": torch.zeros(480, 4),
                }
            )
        ),
        "lm_head.*no layer",
    ),
    "on the embeddings": (
        with_tensors(
            lambda t: t.update(
                {
                    "base_model.model.model.embed_tokens.lora_A.weight": torch.zeros(4, 480),
                    "base_model.model.model.embed_tokens.lora_B.weight": torch.zeros(32, 4),
                }
            )
        ),
        "embed_tokens.*no layer",
    ),
    "embeddings in PEFT's own words": (
        with_tensors(
            lambda t: t.update(
                {"base_model.model.model.embed_tokens.lora_embedding_A": torch.zeros(4, 480)}
            )
        ),
        "lora_embedding_A.*cannot be mixed",
    ),
    "no tensors in the file": (with_tensors(dict.clear), "other modules"),
    "config names more modules": (
        configured(target_modules=["q_proj", "down_proj", "up_proj"]),
        "other modules.*up_proj.*save_pretrained",
    ),
    "config names fewer modules": (configured(target_modules=["q_proj"]), "other modules"),
    "config names no module": (configured(target_modules=["query"]), "PEFT cannot load it"),
    "config names fewer layers": (configured(layers_to_transform=[0, 1]), "other modules"),
    "DoRA": (configured(use_dora=True), "use_dora.*rescales.*Retrain"),
    "modules to save": (configured(modules_to_save=["lm_head"]), r"modules_to_save.*lm_head"),
    "biases": (configured(bias="all"), "bias.*'all'.*biases"),
    "LoRA bias": (configured(lora_bias=True), "lora_bias"),
    "trainable tokens": (configured(trainable_token_indices=[1]), "trainable_token_indices"),
    "replicated layers": (configured(layer_replication=[[0, 2]]), "number of layers"),
    "PiSSA": (configured(init_lora_weights="pissa"), "'pissa'.*changes the base.*convert"),
    "PiSSA in steps": (configured(init_lora_weights="pissa_niter_4"), "pissa_niter_4"),
    "OLoRA": (configured(init_lora_weights="olora"), "olora"),
    "LoftQ": (configured(init_lora_weights="loftq"), "loftq"),
    "a setting of the future": (configured(use_magic=3), "use_magic = 3.*not known"),
    "no LoRA": (configured(peft_type="IA3"), "'IA3'.*LORA"),
    "no type": (configured(peft_type=None), "None.*LORA"),
    "a rank that is no number": (configured(r="four"), "mine"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_mixed_is_refused_and_the_base_stays_clean(
    case: str, base: PreTrainedModel, folder: Path
) -> None:
    spoil, message = REFUSALS[case]
    spoil(folder)
    names = [name for name, _ in base.named_modules()]
    with torch.inference_mode():
        before = base(IDS_RT).logits
    with pytest.raises(InputError, match=message) as refusal:
        load(base, folder)
    assert "mine" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert [name for name, _ in base.named_modules()] == names
    assert not any(isinstance(module, LoraLayer) for module in base.modules())
    assert not hasattr(base, "peft_config")
    assert not any(value.requires_grad for value in base.parameters())
    assert not base.training
    with torch.inference_mode():
        assert torch.equal(base(IDS_RT).logits, before)


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


def test_size_is_the_norm_of_all_that_is_added(base: PreTrainedModel, folder: Path) -> None:
    adapter = load(base, folder)
    added = [(one.b_Or.double() @ one.a_rI.double()).square() for one in adapter.factors.values()]
    assert delta_norm(adapter.factors.values()) == pytest.approx(
        float(sum(one.sum() for one in added)) ** 0.5, rel=1e-6
    )
