"""A base that cannot be read as it should is refused at load, in one line with the remedy."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    Gemma3Config,
    LlavaConfig,
    PaliGemmaConfig,
)

from analysis.common.errors import InputError
from analysis.inference.runner import ModelRunner
from analysis.inference.vocabulary import Vocabulary
from analysis.models.adapters import load_adapter
from analysis.models.bases import base_files
from analysis.models.bases.base_files import check_quantization
from analysis.models.bases.base_model import load_base
from analysis.models.bases.loaded_weights import check_loading
from analysis.models.bases.weights_header import read_weights_header
from analysis.models.collection import AdapterEntry, Base
from tests import families, tiny

WEIGHTS = "model.safetensors"
UP = "model.layers.1.mlp.up_proj.weight"
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "base"
    tiny.model("llama").save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def tensors(change: Callable[[dict[str, Tensor]], object]) -> Change:
    def apply(folder: Path) -> None:
        found = load_file(folder / WEIGHTS)
        change(found)
        save_file(found, folder / WEIGHTS, metadata={"format": "pt"})

    return apply


def config(**changed: Any) -> Change:
    def apply(folder: Path) -> None:
        found = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(found | changed))

    return apply


def pointer(name: str) -> Change:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 100\n"
    return lambda folder: (folder / name).write_text(text)


def cut(most: int) -> Change:
    return lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:most])


def renamed(found: dict[str, Tensor]) -> None:
    for name in list(found):
        found[f"wrapped.{name}"] = found.pop(name)


def index(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "model-1.safetensors")
    names = {UP: "model-1.safetensors", "model.norm.weight": "model-2.safetensors"}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": names}))


def without(pattern: str) -> Change:
    return lambda folder: [path.unlink() for path in folder.glob(pattern)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (tensors(lambda found: found.pop(UP)), rf"lack 1 weights \({UP}\).*fetch all"),
        (tensors(renamed), r"lack \d+ weights .*or name them otherwise: fetch all"),
        (
            tensors(lambda found: found[UP].view(-1)[7].fill_(float("nan"))),
            rf"{UP} holds NaN or infinity: fetch",
        ),
        (
            tensors(lambda found: found["model.norm.weight"][3].fill_(float("-inf"))),
            r"model\.norm\.weight holds NaN or infinity: fetch",
        ),
        (
            tensors(lambda found: found.update({UP: torch.zeros(5, 7)})),
            rf"{UP} is \(5, 7\), and its config.json says \(48, 32\): give",
        ),
        (config(hidden_size=64), r"config.json says \(480, 64\): give"),
        (config(num_hidden_layers=5), r"lack \d+ weights \(model\.layers\.3"),
        (config(num_hidden_layers=2), r"more layers than the 2 .*model\.layers\.2.*: give"),
        (cut(-1), r"model\.safetensors is cut off .*fetch it again"),
        (cut(100), r"model\.safetensors is cut off .*fetch it again"),
        (cut(3), r"model\.safetensors is cut off .*fetch it again"),
        (pointer(WEIGHTS), r"model\.safetensors is a pointer of Git LFS.*git lfs pull"),
        (pointer("tokenizer.json"), r"tokenizer\.json is a pointer of Git LFS.*git lfs pull"),
        (pointer("config.json"), r"config\.json is a pointer of Git LFS.*git lfs pull"),
        (index, r"lacks model-2\.safetensors, which model\.safetensors\.index\.json names: fetch"),
        (without("*.safetensors"), "cannot be loaded: .*no file named"),
        (without("tokenizer*"), "has no tokenizer: copy"),
        (without("config.json"), "cannot be loaded: "),
        (config(model_type="nonsense"), "cannot be loaded: .*nonsense"),
        (config(model_type="t5"), "cannot be loaded: "),
        (config(quantization_config={"quant_method": "gptq", "bits": 4}), "by gptq.*full precis"),
        (config(quantization_config={"quant_method": "fp8"}), "by fp8.*full precision"),
        (
            lambda folder: (folder / "tokenizer.json").write_text("{}"),
            "cannot be loaded: ",
        ),
    ],
)
def test_a_base_that_would_run_on_other_weights_is_refused(
    whole: Path, tmp_path: Path, change: Change, message: str
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(whole, folder)
    change(folder)
    with pytest.raises(InputError, match=message) as refusal:
        load_base(Base("folder", str(folder)))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("family", ["gpt_neox", "opt", "mpt", "gpt2", "llama"])
def test_files_with_more_layers_than_the_base_are_refused_in_every_family(family: str) -> None:
    base = families.model(family)
    (name, *_) = [name for name, _ in base.named_parameters() if ".1." in name]
    for known in (name, name.partition(".")[2]):  # as saved from the inner model
        info = {"missing_keys": [], "mismatched_keys": [], "unexpected_keys": [known]}
        check_loading(info, base, 2)
        with pytest.raises(InputError, match=r"more layers than the 1 .*: give"):
            check_loading(info, base, 1)
    vision = "vision_tower.encoder.layers.9.mlp.fc1.weight"
    check_loading({**info, "unexpected_keys": [vision]}, base, 1)


def test_files_that_cannot_be_read_are_named(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(whole, folder)
    (folder / f"{WEIGHTS}.index.json").write_text('{"weight_map": [1]}')
    with pytest.raises(InputError, match=r"lacks a table of files in model.*: fetch"):
        load_base(Base("folder", str(folder)))
    (folder / f"{WEIGHTS}.index.json").unlink()
    (folder / "extra.json").mkdir()
    with pytest.raises(InputError, match=r"extra\.json cannot be read \(.*\): make it readable"):
        load_base(Base("folder", str(folder)))


def test_packed_weights_need_their_package(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    monkeypatch.setattr(base_files, "find_spec", lambda name: None)
    folder = Path(shutil.copytree(whole, tmp_path / "base"))
    config(quantization_config=packed)(folder)
    with pytest.raises(
        InputError, match=r"pip install bitsandbytes`, or give.*full precision"
    ) as no:
        load_base(Base("folder", str(folder)))
    assert "\n" not in str(no.value)
    for quantization in (packed, {"load_in_8bit": True}):
        with pytest.raises(InputError, match=r"not installed: run `pip install bitsandbytes`"):
            check_quantization(quantization)
    monkeypatch.setattr(base_files, "find_spec", lambda name: object())
    check_quantization(packed)
    check_quantization(None)


VISION = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 28, "patch_size": 14,
}  # fmt: skip


QWEN_VISION = {
    "hidden_size": 16, "intermediate_size": 24, "depth": 1, "num_heads": 2, "patch_size": 4,
    "out_hidden_size": 32, "num_position_embeddings": 16,
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("gemma3_text", "Gemma3ForCausalLM"),
        ("gemma2", "Gemma2ForCausalLM"),
        ("qwen3_5_text", "Qwen3_5ForCausalLM"),
        ("llama", "LlamaForCausalLM"),
    ],
)
def test_the_text_model_of_a_wrapper_is_the_base(family: str, name: str, tmp_path: Path) -> None:
    text = families.config(family).to_dict()
    made: Any
    if family == "gemma2":
        vision = {**VISION, "model_type": "siglip_vision_model"}
        made = PaliGemmaConfig(text_config=text, vision_config=vision, projection_dim=32)
    elif family == "qwen3_5_text":
        made = CONFIG_MAPPING["qwen3_5"](text_config=text, vision_config=QWEN_VISION)
    elif family == "llama":
        vision = {**VISION, "model_type": "clip_vision_model", "projection_dim": 16}
        made = LlavaConfig(text_config=text, vision_config=vision)
    else:
        made = Gemma3Config(text_config=text, vision_config=VISION, mm_tokens_per_image=4)
    wrapper = AutoModelForImageTextToText.from_config(made).eval()
    families.randomise(wrapper)
    wrapper.save_pretrained(tmp_path / "base")
    tiny.tokenizer().save_pretrained(tmp_path / "base")
    base, tokenizer = load_base(Base("folder", str(tmp_path / "base")))
    assert type(base).__name__ == name
    ids_RT = torch.arange(40, 60)[None]
    with torch.inference_mode():
        expected = wrapper(input_ids=ids_RT).logits
        torch.testing.assert_close(base(ids_RT).logits, expected, rtol=0, atol=1e-5)
    path = tiny.write_adapter(tmp_path / "a", base, targets=["q_proj", "down_proj"])
    adapter = load_adapter(base, AdapterEntry("a", "", "other", path))
    assert all(name.startswith("model.layers.") for name in adapter.factors)
    # Trained inside the wrapper, its modules have the wrapper's names.
    inside = tiny.write_adapter(
        tmp_path / "b", wrapper, targets=r".*language_model.*\.(q_proj|down_proj)"
    )
    other = load_adapter(base, AdapterEntry("b", "", "other", inside))
    assert other.factors.keys() == adapter.factors.keys() and "renamed" in other.remarks[0]
    ModelRunner(base, Vocabulary(tokenizer), [adapter, other])


def test_a_base_spread_over_two_places_gives_the_same_rows(whole: Path, tmp_path: Path) -> None:
    plain = tiny.model("llama")
    parts = dict.fromkeys(
        ["model.embed_tokens", "model.norm", "model.rotary_emb", "lm_head"], "cpu"
    )
    parts |= {"model.layers.0": "cpu", "model.layers.1": "disk", "model.layers.2": "disk"}
    spread = AutoModelForCausalLM.from_pretrained(
        whole, device_map=parts, offload_folder=tmp_path / "off"
    ).eval()
    assert spread.model.layers[1].mlp.up_proj.weight.is_meta
    path = tiny.write_adapter(tmp_path / "a", plain, strength=0.1)
    adapter = load_adapter(spread, AdapterEntry("a", "", "other", path))
    runner = ModelRunner(spread, Vocabulary(tiny.tokenizer()), [adapter])
    peft = PeftModel.from_pretrained(copy.deepcopy(plain), str(path)).eval()
    ids_RT, weights_RLK = torch.arange(40, 50)[None], torch.zeros(2, tiny.LAYERS, 1)
    weights_RLK[1] = 1.0
    with torch.inference_mode():
        with runner.decoding.mixture.rows(weights_RLK).on():
            found_RTV = spread(ids_RT.expand(2, -1)).logits
        torch.testing.assert_close(found_RTV[0], plain(ids_RT).logits[0], rtol=0, atol=1e-5)
        torch.testing.assert_close(found_RTV[1], peft(ids_RT).logits[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("offsets", ["[0, 1e999]", "[0, NaN]", "[0]", "7", '["a", "b"]'])
def test_a_header_with_offsets_that_are_no_places_says_nothing(
    tmp_path: Path, offsets: str
) -> None:
    text = f'{{"a": {{"data_offsets": {offsets}}}}}'.encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    header = read_weights_header(path)
    assert header.text == text and header.spans is None and not header.whole
