"""Adapter folders as people have them: each is loaded with exact numbers, or refused in one line.

A sound adapter is changed in one way at a time. What loads gives the factors of the sound one, or
what PEFT computes; what does not is refused with its reason, and the base stays as it was.
"""

from __future__ import annotations

import copy
import itertools
import os
import re
import shutil
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from analysis.__main__ import main
from analysis.common.console import json_line
from analysis.common.errors import InputError
from analysis.models.adapter_files import CONFIG, TENSORS
from analysis.models.adapters import Adapter, delta_norm, load_adapter
from analysis.models.collection import AdapterEntry
from analysis.models.inspection.inspection import inspect_adapter
from analysis.models.inspection.report import report
from analysis.models.peft_files.origin import base_name, base_relation, base_remark
from analysis.models.peft_files.patterns import Patterns
from tests import tiny
from tests.analysis.models.spoiled import (
    Change,
    added,
    configured,
    cut,
    moved,
    only,
    renamed,
    scaled,
    together,
    typed,
    with_header,
    with_tensors,
    without,
    written,
)

IDS_RT = torch.tensor([[2, 40, 50, 60]])
FRONT = "base_model.model."
LAYER = f"{FRONT}model.layers.1.self_attn.q_proj.lora_"
A, B = LAYER + "A.weight", LAYER + "B.weight"
DIMENSIONS = {"hidden": tiny.WIDTH, "inner": tiny.INNER}


@pytest.fixture(scope="module")
def base() -> PreTrainedModel:
    return tiny.model("llama")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, base: PreTrainedModel) -> Path:
    """A sound adapter on two linears of each layer."""
    folder = tmp_path_factory.mktemp("sound") / "adapter"
    return tiny.write_adapter(folder, base, targets=["q_proj", "down_proj"])


@pytest.fixture
def folder(tmp_path: Path, sound: Path) -> Path:
    """A copy of the sound adapter, to be changed."""
    return Path(shutil.copytree(sound, tmp_path / "changed"))


def load(base: PreTrainedModel, folder: Path) -> Adapter:
    return load_adapter(base, AdapterEntry("mine", "", "other", folder))


def deltas(adapter: Adapter) -> dict[str, Tensor]:
    """ΔW of each module, formed; of a DoRA by its own definition."""
    found = {}
    for name, factor in adapter.factors.items():
        a_rI, b_Or = factor.pair()
        found[name] = b_Or @ a_rI
    return found


def peft_deltas(base: PreTrainedModel, folder: Path) -> dict[str, Tensor]:
    """ΔW of each module by PEFT: what merging adds to the base's weights."""
    merged = PeftModel.from_pretrained(
        copy.deepcopy(base), str(folder), autocast_adapter_dtype=True
    ).merge_and_unload()
    before = dict(base.named_parameters())
    return {
        name.removesuffix(".weight"): (value - before[name]).detach()
        for name, value in merged.named_parameters()
        if not torch.equal(value, before[name])
    }


def whole(name: str, change: float = 0.0, rows: int = 0, dtype: Any = None) -> Change:
    """A whole tensor of the base, saved along: changed, with more rows, or in another type."""

    def save(folder: Path) -> None:
        own = dict(tiny.model("llama").named_parameters(remove_duplicate=False))[name]
        tensor = torch.cat([own, own[:rows]]) if rows else own.clone()
        tensor = (tensor + change).to(dtype or tensor.dtype)
        tensors = {**load_file(folder / TENSORS), FRONT + name: tensor}
        save_file(tensors, folder / TENSORS)

    return save


def wider(folder: Path) -> None:
    """Rank 8 in place of 4, by rows and columns of zeros."""

    def change(tensors: dict[str, Tensor]) -> None:
        for key in tensors:
            size = (0, 0, 0, 4) if "lora_A" in key else (0, 4)
            tensors[key] = torch.nn.functional.pad(tensors[key], size)

    with_tensors(change)(folder)


EMBEDDING, HEAD, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"
RAW = together(renamed("_A.weight", "_A.default.weight"), renamed("_B.weight", "_B.default.weight"))

# What loads: the change, the remarks that it gets, and how its ΔW compares: `same` as the sound
# adapter's, as PEFT's (`peft`), or a multiple of the sound one's.
LOADED: dict[str, tuple[Change, tuple[str, ...], str | float]] = {
    "sound": (lambda folder: None, (), "peft"),
    "a raw state dictionary": (RAW, (), "same"),
    "another adapter's name in it": (
        together(renamed("_A.weight", "_A.v1.weight"), renamed("_B.weight", "_B.v1.weight")),
        (),
        "same",
    ),
    "without PEFT's front": (renamed(FRONT, ""), (), "same"),
    "without PEFT's front, and raw": (together(renamed(FRONT, ""), RAW), (), "same"),
    "compiled as a whole": (renamed(FRONT, "_orig_mod." + FRONT), (), "same"),
    "the base compiled": (renamed(FRONT, FRONT + "_orig_mod."), (), "same"),
    "blocks compiled": (renamed(".self_attn", "._orig_mod.self_attn"), (), "same"),
    "data parallel": (renamed(FRONT, "module." + FRONT), (), "same"),
    "fully sharded": (renamed("layers.", "_fsdp_wrapped_module.layers."), (), "same"),
    "checkpointed": (renamed(".mlp", "._checkpoint_wrapped_module.mlp"), (), "same"),
    "inside a wrapper": (
        together(
            renamed("model.layers", "model.language_model.layers"),
        ),
        ("6 modules were renamed.*language_model",),
        "same",
    ),
    "inside an older wrapper": (
        renamed(FRONT + "model.layers", FRONT + "language_model.model.layers"),
        ("renamed",),
        "same",
    ),
    "without the base's front": (
        renamed(FRONT + "model.layers", FRONT + "layers"),
        ("renamed",),
        "same",
    ),
    "in a subfolder": (
        together(moved(CONFIG, f"named/{CONFIG}"), moved(TENSORS, f"named/{TENSORS}")),
        ("subfolder named",),
        "same",
    ),
    "rslora": (configured(use_rslora=True), (), "peft"),
    "a fraction as alpha": (configured(lora_alpha=2.5), (), "peft"),
    "a negative alpha": (configured(lora_alpha=-8), ("In 6 of 6 modules alpha is neg",), "peft"),
    "a negative alpha of some": (
        configured(alpha_pattern={"q_proj": -1}),
        ("In 3 of 6 modules alpha is negative",),
        "peft",
    ),
    "an alpha too small for float32": (configured(lora_alpha=1e-300), ("does nothing",), 0.0),
    "alpha for one linear": (configured(alpha_pattern={"q_proj": 3}), (), "peft"),
    "alpha for one module": (
        configured(alpha_pattern={"layers.1.mlp.down_proj": 3, "down_proj": 5}),
        (),
        "peft",
    ),
    "alpha by an expression": (
        configured(alpha_pattern={r"model\.layers\.[01]\..*q_proj": 3, ".*proj": 5}),
        (),
        "peft",
    ),
    "alpha by two patterns of which the first counts": (
        configured(alpha_pattern={".*proj": 5, "q_proj": 3}),
        ("'q_proj' matches no module",),
        "peft",
    ),
    "alpha that matches nothing": (
        configured(alpha_pattern={"^q_proj": 3}),
        ("alpha_pattern '\\^q_proj' matches no module",),
        "peft",
    ),
    "a rank that matches nothing": (
        configured(rank_pattern={"v_proj": 3}),
        ("rank_pattern 'v_proj' matches no module",),
        "peft",
    ),
    "alpha 0": (configured(lora_alpha=0), ("does nothing",), 0.0),
    "B zero": (scaled(0.0), ("does nothing",), 0.0),
    "A zero": (scaled(0.0, "lora_A"), ("does nothing",), 0.0),
    "B zero in one module": (
        with_tensors(lambda t: t[B].zero_()),
        ("In 1 of 6 modules it does nothing",),
        "peft",
    ),
    "float64": (typed(torch.float64), (), "same"),
    "float16": (typed(torch.float16), (), "peft"),
    "bfloat16": (typed(torch.bfloat16), (), "peft"),
    "float8": (
        together(scaled(0.0), typed(torch.float8_e4m3fn)),
        ("does nothing",),
        0.0,
    ),
    "a minimal configuration": (
        together(only(peft_type="LORA", target_modules=["q_proj", "down_proj"]), wider),
        (),
        0.5,  # r = alpha = 8, rather than alpha = 2 r
    ),
    "no target_modules": (configured(target_modules=None), (), "same"),
    "all-linear": (
        configured(target_modules="all-linear"),
        ("names k_proj in layers 0, 1, 2",) + 4 * ("names .* no tensors",),
        "same",
    ),
    "an expression of targets": (
        configured(target_modules=r".*\.(q_proj|down_proj)"),
        (),
        "peft",
    ),
    "Unsloth's expression of targets": (
        configured(
            target_modules=r"(?:.*?(?:language|text|model).*?(?:self_attn|attention|attn|mlp|ffn)"
            r".*?(?:q_proj|down_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:mlp)\.(?:down_proj))",
            auto_mapping={"base_model_class": "LlamaForCausalLM", "unsloth_fixed": True},
        ),
        (),
        "peft",
    ),
    "whole names as targets": (
        configured(
            target_modules=[
                f"model.layers.{layer}.{name}"
                for layer in range(3)
                for name in ("self_attn.q_proj", "mlp.down_proj")
            ]
        ),
        (),
        "peft",
    ),
    "more targets than tensors": (
        configured(target_modules=["q_proj", "down_proj", "up_proj"]),
        ("names up_proj in layers 0, 1, 2, for which it has no tensors",),
        "same",
    ),
    "a target of no base": (
        configured(target_modules=["q_proj", "down_proj", "query"]),
        ("target_modules names 'query', which matches no module",),
        "same",
    ),
    "tensors for a part of the layers": (
        with_tensors(lambda t: [t.pop(key) for key in list(t) if "layers.2.mlp" in key]),
        ("names down_proj in layers 2,",),
        "peft",
    ),
    "layers to transform": (
        together(
            configured(layers_to_transform=[0, 1], layers_pattern="layers"),
            with_tensors(lambda t: [t.pop(key) for key in list(t) if "layers.2" in key]),
        ),
        (),
        "peft",
    ),
    "one layer to transform": (
        together(
            configured(layers_to_transform=1),
            with_tensors(lambda t: [t.pop(key) for key in list(t) if "layers.1" not in key]),
        ),
        (),
        "peft",
    ),
    "excluded modules": (
        together(
            configured(exclude_modules=["layers.0.self_attn.q_proj"]),
            with_tensors(lambda t: [t.pop(key) for key in list(t) if "0.self_attn" in key]),
        ),
        (),
        "peft",
    ),
    "the base's embedding": (whole(EMBEDDING), ("equal the base's: model.embed_tokens",), "same"),
    "the base's embedding in bfloat16": (
        whole(EMBEDDING, dtype=torch.bfloat16),
        ("equal the base's",),
        "same",
    ),
    "the base's head": (
        together(configured(modules_to_save=["lm_head"]), whole(HEAD)),
        ("equal the base's: lm_head",),
        "same",
    ),
    "the base's head, raw": (
        together(whole(HEAD), renamed("lm_head.", "lm_head.modules_to_save.default.")),
        ("equal the base's: lm_head.weight",),
        "same",
    ),
    "the base's norm": (whole(NORM), ("equal the base's: model.norm",), "same"),
    "the base's embedding inside a wrapper": (
        together(whole(EMBEDDING), renamed("model.embed", "model.language_model.embed")),
        ("equal the base's",),
        "same",
    ),
    "biases that the base has not": (configured(bias="all"), (), "same"),
    "a bias of B that is zero": (
        together(configured(lora_bias=True), added(**{LAYER + "B.bias": torch.zeros(32)})),
        (),
        "same",
    ),
    "unknown settings at nothing": (configured(use_magic=None, more={}), (), "same"),
    "another base": (
        configured(base_model_name_or_path="google/gemma-3-270m-it"),
        (),  # the tiny base has no name
        "same",
    ),
    "a pickle beside": (written("adapter_model.bin", "no pickle"), (), "same"),
    "a file of a training run beside": (written("optimizer.pt", "no pickle"), (), "same"),
}


@pytest.mark.parametrize("case", LOADED)
def test_what_can_be_used_loads_with_exact_numbers(
    case: str, base: PreTrainedModel, sound: Path, folder: Path
) -> None:
    change, remarks, expected = LOADED[case]
    change(folder)
    adapter = load(base, folder)
    seen = inspect_adapter(AdapterEntry("mine", "", "other", folder), base)
    assert (seen.refused, seen.remarks) == ("", adapter.remarks)
    found = deltas(adapter)
    assert len(adapter.remarks) == len(remarks), adapter.remarks
    for remark in remarks:
        assert any(re.search(remark, one) for one in adapter.remarks), adapter.remarks
    if expected == "peft":
        wanted = peft_deltas(base, folder)
        found = {name: delta for name, delta in found.items() if bool(delta.any())}
    else:
        factor = 1.0 if expected == "same" else float(expected)
        wanted = {name: factor * one for name, one in deltas(load(base, sound)).items()}
    assert found.keys() == wanted.keys()
    for name, delta in found.items():
        assert torch.allclose(delta.float(), wanted[name], rtol=1e-4, atol=1e-6), name


def nan(tensors: dict[str, Tensor]) -> None:
    tensors[A][1, 2] = torch.nan


def infinite(tensors: dict[str, Tensor]) -> None:
    tensors[B][0, 0] = -torch.inf


def only_a_pickle(folder: Path) -> None:
    torch.save(load_file(folder / TENSORS), folder / "adapter_model.bin")
    (folder / TENSORS).unlink()


def in_two_subfolders(folder: Path) -> None:
    for name in ("first", "second"):
        shutil.copytree(folder, folder.parent / name)
    shutil.rmtree(folder)
    folder.mkdir()
    for name in ("first", "second"):
        (folder.parent / name).rename(folder / name)


def fifo(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


REFUSED: dict[str, tuple[Change, str]] = {
    "a head that was not saved": (
        configured(modules_to_save=["lm_head"]),
        "modules_to_save names 'lm_head', which its file does not hold",
    ),
    "pickle only": (only_a_pickle, r"only adapter_model\.bin.*run code.*safe_serialization"),
    "no tensors": (without(TENSORS), "has no adapter_model.safetensors"),
    "no config": (without(CONFIG), "has no adapter_config.json.*save_pretrained"),
    "no folder": (shutil.rmtree, "there is no folder.*save_pretrained"),
    "two subfolders": (in_two_subfolders, "several subfolders.*one of first, second"),
    "config is no JSON": (written(CONFIG, "{"), "cannot be read.*save_pretrained"),
    "config is a list": (written(CONFIG, "[]"), "no JSON object"),
    "config is no text": (written(CONFIG, b"\xff\xfe\x00"), "cannot be read"),
    "MLX": (
        together(moved(TENSORS, "adapters.safetensors"), only(fine_tune_type="lora")),
        "MLX.*lora_aᵀ",
    ),
    "MLX in PEFT's file": (renamed("lora_A", "lora_a"), "lora_a.*neither the A nor the B"),
    "MLX beside the configuration": (moved(TENSORS, "adapters.safetensors"), "MLX's form"),
    "GGUF": (moved(TENSORS, "lora-f16.gguf"), r"lora-f16\.gguf.*llama\.cpp"),
    "split": (
        moved(TENSORS, "adapter_model.safetensors.index.json"),
        "split over several files.*in one",
    ),
    "another name": (moved(TENSORS, "lora.safetensors"), "but lora.safetensors.*rename it"),
    "a whole model": (
        together(moved(CONFIG, "config.json"), moved(TENSORS, "model.safetensors")),
        "whole model.*--base",
    ),
    "a pointer": (
        written(TENSORS, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "pointer of Git LFS.*git lfs pull",
    ),
    "truncated": (cut(0.6), "damaged or cut off.*not all there.*fetch it again"),
    "truncated in its header": (cut(0.01), "damaged or cut off.*header"),
    "empty file": (cut(0), "damaged or cut off"),
    "nan": (with_tensors(nan), "layers.1.self_attn.q_proj.lora_A.*NaN.*earlier checkpoint"),
    "infinity": (with_tensors(infinite), "infinity"),
    "an infinite product": (
        together(scaled(1e30), scaled(1e30, "lora_A")),
        r"ΔW.* is \d\S*e\+\d+, and at most 1,000,000.*earlier checkpoint",
    ),
    "an alpha that overflows": (configured(lora_alpha=1e39), "ΔW.*at most 1,000,000"),
    "another width": (
        added(**{A: torch.zeros(4, 31)}),
        r"A of .*q_proj.*\(4, 31\).* 32 .*another base",
    ),
    "another output": (added(**{B: torch.zeros(33, 4)}), r"B of .*\(33, 4\).* 32 "),
    "a vector": (added(**{A: torch.zeros(32)}), "do not belong together"),
    "transposed": (
        added(**{A: torch.zeros(32, 4), B: torch.zeros(4, 32)}),
        "rank 32.*configuration says 4",
    ),
    "ranks that differ": (
        added(**{A: torch.zeros(5, 32)}),
        r"\(5, 32\).*\(32, 4\).*belong together",
    ),
    "a rank that the config does not say": (
        added(**{A: torch.zeros(5, 32), B: torch.zeros(32, 5)}),
        "has rank 5.*configuration says 4.*rank_pattern",
    ),
    "a rank pattern that is wrong": (configured(rank_pattern={"q_proj": 2}), "has rank 4.*says 2"),
    "no B": (with_tensors(lambda t: t.pop(B)), "None.*belong together"),
    "the same matrix twice": (
        added(**{A.replace("A.w", "A.default.w"): torch.zeros(4, 32)}),
        "the same matrix twice",
    ),
    "two adapters in one file": (
        together(renamed("_A.w", "_A.one.w"), renamed("_B.w", "_B.two.w")),
        "several adapters.*one, two",
    ),
    "more layers than the base": (renamed("layers.2.", "layers.7."), "layers.7.*no such linear"),
    "experts of another form": (
        renamed("layers.2.mlp.down_proj", "layers.2.block_sparse_moe.experts.0.w1"),
        "experts.0.w1.*before transformers 5",
    ),
    "a vision tower": (
        renamed("model.layers.1", "vision_tower.encoder.layers.1"),
        "vision_tower.*no part of the text model.*retrain",
    ),
    "two names of one module": (
        added(
            **{
                f"{FRONT}layers.1.self_attn.q_proj.lora_A.weight": torch.zeros(4, 32),
                f"{FRONT}layers.1.self_attn.q_proj.lora_B.weight": torch.zeros(32, 4),
            }
        ),
        "two of its modules are model.layers.1",
    ),
    "a changed norm": (whole(NORM, change=0.5), "norm.weight.*differs from the base's.*Retrain"),
    "a changed head": (
        together(configured(modules_to_save=["lm_head"]), whole(HEAD, change=0.5)),
        "lm_head.weight.*differs.*modules_to_save",
    ),
    "a head of NaN": (whole(HEAD, change=torch.nan), "lm_head.weight.*differs"),
    "more words": (whole(EMBEDDING, rows=8), "embed_tokens.*vocabulary was resized"),
    "a classifier": (
        added(**{f"{FRONT}score.weight": torch.zeros(2, 32)}),
        "score.weight.*nor a tensor of this base",
    ),
    "trained tokens": (
        added(**{f"{FRONT}model.embed_tokens.token_adapter.trainable_tokens_delta": torch.ones(1)}),
        "trainable_tokens_delta.*cannot be mixed",
    ),
    "a bias": (
        added(**{f"{FRONT}model.layers.0.self_attn.q_proj.bias": torch.ones(32)}),
        "bias.*nor a tensor of this base",
    ),
    "a bias of B": (added(**{LAYER + "B.bias": torch.ones(32)}), "lora_bias.*no bias of B"),
    "a DoRA magnitude": (
        added(**{LAYER + "magnitude_vector": torch.ones(32)}),
        "magnitude_vector.*use_dora is not set",
    ),
    "DoRA without magnitudes": (configured(use_dora=True), "use_dora.*no lora_magnitude_vector"),
    "on the LM head": (
        added(
            **{
                f"{FRONT}lm_head.lora_A.weight": torch.zeros(4, tiny.WIDTH),
                f"{FRONT}lm_head.lora_B.weight": torch.zeros(480, 4),
            }
        ),
        "lm_head.*no layer",
    ),
    "on the embeddings": (
        added(
            **{
                f"{FRONT}model.embed_tokens.lora_A.weight": torch.zeros(4, 480),
                f"{FRONT}model.embed_tokens.lora_B.weight": torch.zeros(32, 4),
            }
        ),
        "embed_tokens.*no layer",
    ),
    "embeddings in PEFT's own words": (
        added(**{f"{FRONT}model.embed_tokens.lora_embedding_A": torch.zeros(4, 480)}),
        "lora_embedding_A.*cannot be mixed",
    ),
    "no tensors in the file": (with_tensors(dict.clear), "empty save.*ZeRO-3"),
    "empty tensors": (
        with_tensors(lambda t: t.update({key: torch.zeros(0) for key in t})),
        "empty save.*zero_to_fp32",
    ),
    "only other tensors": (
        with_tensors(lambda t: (t.clear(), t.update({"x": torch.ones(1)}))),
        "none of its tensors.*'x'",
    ),
    "whole numbers": (typed(torch.int8), "type 'I8'.*float32"),
    "config names fewer modules": (
        configured(target_modules=["q_proj"]),
        "other modules.*down_proj.*save_pretrained",
    ),
    "config names no module": (configured(target_modules=["query"]), "other modules"),
    "config names fewer layers": (
        configured(layers_to_transform=[0, 1]),
        "other modules.*layers.2",
    ),
    "config leaves out a module": (configured(exclude_modules=".*q_proj"), "other modules.*q_proj"),
    "an expression that is none": (configured(target_modules="(q_proj"), "no regular expression"),
    "trainable tokens": (configured(trainable_token_indices=[1]), "trainable_token_indices"),
    "replicated layers": (configured(layer_replication=[[0, 2]]), "number of layers"),
    "parameters": (configured(target_parameters=["experts.up"]), "target_parameters"),
    "after certain tokens": (configured(alora_invocation_tokens=[1]), "only after certain tokens"),
    "PiSSA": (configured(init_lora_weights="pissa"), "'pissa'.*changes the base.*convert"),
    "PiSSA in steps": (configured(init_lora_weights="pissa_niter_4"), "pissa_niter_4"),
    "OLoRA": (configured(init_lora_weights="olora"), "olora"),
    "LoftQ": (configured(init_lora_weights="loftq"), "loftq"),
    "CorDA": (configured(init_lora_weights="corda"), "corda"),
    "a setting of the future": (configured(use_magic=3), "use_magic = 3.*not known"),
    "LoHa": (configured(peft_type="LOHA"), "'LOHA'.*save_as_lora"),
    "IA3": (configured(peft_type="IA3"), "'IA3'.*train a LoRA"),
    "no type": (configured(peft_type=None), "None.*LORA"),
    "a rank that is no number": (configured(r="four"), "mine: r = 'four'.*whole number"),
    "rank 0": (configured(r=0), "r = 0.*from 1"),
    "a rank of true": (configured(r=True), "r = True"),
    "alpha NaN": (configured(lora_alpha=float("nan")), "lora_alpha = nan.*finite"),
    "alpha infinite": (configured(lora_alpha=float("inf")), "lora_alpha = inf.*finite"),
    "alpha as text": (configured(lora_alpha="16"), "lora_alpha = '16'.*finite"),
    "alpha of 400 digits": (configured(lora_alpha=10**400), "alpha is a finite number"),
    "alpha finite in float64 alone": (configured(lora_alpha=1e300), "not finite.*alpha"),
    "alpha too large to be used": (
        configured(lora_alpha=1e30),
        r"ΔW.*at most 1,000,000 can be used: its scaling is 2\.5e\+29; correct lora_alpha",
    ),
    "a negative alpha too large to be used": (
        configured(lora_alpha=-1e30),
        r"scaling is -2\.5e\+29; correct lora_alpha",
    ),
    "alpha of one linear too large": (
        configured(alpha_pattern={"q_proj": 1e30}),
        r"q_proj is .*scaling is 2\.5e\+29; correct lora_alpha or alpha_pattern",
    ),
    "alpha too large over a root": (
        configured(lora_alpha=1e30, use_rslora=True),
        r"scaling is 5e\+29; correct lora_alpha",
    ),
    "rank 0 by a pattern": (configured(rank_pattern={"q_proj": 0}), "q_proj = 0.*from 1"),
    "alpha pattern infinite": (
        configured(alpha_pattern={"q_proj": float("-inf")}),
        "q_proj = -inf.*finite",
    ),
    "alpha pattern NaN": (configured(alpha_pattern={"q_proj": float("nan")}), "q_proj = nan"),
    "a flag as text": (configured(use_dora="false"), "use_dora = 'false'.*true or false"),
    "targets as a number": (configured(target_modules=[3]), "target_modules.*list of names"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_mixed_is_refused_and_the_base_stays_clean(
    case: str, base: PreTrainedModel, folder: Path
) -> None:
    change, message = REFUSED[case]
    change(folder)
    with torch.inference_mode():
        before = base(IDS_RT).logits
    with pytest.raises(InputError, match=message) as refusal:
        load(base, folder)
    assert "mine" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    seen = inspect_adapter(AdapterEntry("mine", "", "other", folder), base)
    assert seen.refused == str(refusal.value)
    assert not any(isinstance(module, LoraLayer) for module in base.modules())
    with torch.inference_mode():
        assert torch.equal(base(IDS_RT).logits, before)


def header(**tensors: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name.replace("__", "."): one for name, one in tensors.items()}


def huge_tensors(rank: int) -> Change:
    """Well-formed matrices of a rank that only a sparse file holds."""
    sizes = {A: (rank, 32), B: (32, rank)}
    content, place = {}, 0
    for name, shape in sizes.items():
        size = 4 * shape[0] * shape[1]
        content[name] = {
            "dtype": "F32", "shape": list(shape), "data_offsets": [place, place + size]
        }  # fmt: skip
        place += size
    return together(configured(r=rank), with_header(content, place))


def many_files(folder: Path) -> None:
    for number in range(1200):
        (folder / f"file{number}").touch()
    (folder / TENSORS).unlink()


# Python's `re` takes years for each of these; PEFT would run them for every module of the base.
EVIL = "(?:(?:[a-z_]|[a-z]|[a-z0-9_]|[0-9.])+)+[A-Z]"
HOSTILE: dict[str, tuple[Change, str]] = {
    "an endless expression of targets": (configured(target_modules=EVIL), "more than 0.5 s.*list"),
    "one that ends early": (configured(target_modules="(.+)+x$"), "names other modules"),
    "an endless exclusion": (configured(exclude_modules=EVIL), "exclude_modules.*more than 0.5 s"),
    "an endless rank": (configured(rank_pattern={EVIL: 3}), "more than 0.5 s"),
    "an endless alpha": (configured(alpha_pattern={EVIL: 3}), "more than 0.5 s"),
    "an endless layer": (
        configured(layers_to_transform=[1], layers_pattern=EVIL),
        "more than 0.5 s",
    ),
    "many expressions": (
        configured(alpha_pattern={f".*{number}": 1 for number in range(60_000)}),
        "more than 1000 regular expressions|more than 0.5 s",
    ),
    "a nested expression": (configured(target_modules="(" * 9000 + ")" * 9000), "expression|names"),
    "a repeated expression": (
        configured(target_modules="((((a{1,999}){1,999}){1,999}){1,999}){1,999}"),
        "names other modules|more than 0.5 s",
    ),
    "a rank of a billion": (configured(r=10**9), "configuration says 1000000000"),
    "a billion as a pattern": (configured(rank_pattern={"q_proj": 10**12}), "says 1000000000000"),
    "a layer of a billion": (configured(layers_to_transform=[10**12]), "other modules"),
    "a deep configuration": (written(CONFIG, "[" * 500_000), "cannot be read"),
    "a large configuration": (written(CONFIG, " " * 3_000_000), "3,000,000 bytes"),
    "a header of 2^60": (written(TENSORS, (2**60).to_bytes(8, "little") + b"{}"), "longer than"),
    "a header of 99 MB": (with_header(b"{}", 99_000_000, 99_000_000), "99,000,000 bytes"),
    "a deep header": (with_header(b"[" * 500_000), "damaged"),
    "a header of lists": (with_header(b'{"a":[' + b"[]," * 2_000_000 + b"[]]}"), "600,000 values"),
    "a tensor of 2^62": (
        with_header({A: {"dtype": "F32", "shape": [2**31, 2**31], "data_offsets": [0, 4]}}),
        "not all there",
    ),
    "a shape that overflows": (
        with_header({A: {"dtype": "F32", "shape": [2**47] * 9, "data_offsets": [0, 4]}}),
        "does not describe",
    ),
    "a rank of a million in a sparse file": (huge_tensors(1_000_000), "at most 1024"),
    "a name of a megabyte": (
        with_header({"x" * 10**6: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, 4),
        "1,000,000 characters",
    ),
    "100000 tensors": (
        with_header(b"{" + b",".join(b'"%d":[]' % one for one in range(70_000)) + b"}"),
        "70,000 tensors",
    ),
    "a configuration that never ends": (fifo(CONFIG), "has no adapter_config.json"),
    "weights that never end": (fifo(TENSORS), "has no adapter_model.safetensors"),
    "a file of 17 GiB": (with_header({}, 17 * 2**30), "16 GiB"),
    "many files": (many_files, "has no adapter_model.safetensors"),
    "a long reason": (configured(peft_type="x" * 100_000), "peft_type is .*…"),
}


def memory(field: str) -> int:
    """Bytes of this process, from the system's own account."""
    line = next(
        one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(field)
    )
    return 1024 * int(line.split()[1])


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_folder_costs_little(case: str, base: PreTrainedModel, folder: Path) -> None:
    change, message = HOSTILE[case]
    change(folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began = memory("VmRSS"), time.process_time()
    # The inspector reads as the loader does, and more.
    refused = inspect_adapter(AdapterEntry("mine", "", "other", folder), base).refused
    assert time.process_time() - began < 2
    assert memory("VmHWM") - before < 100_000_000
    assert re.search(message, refused) and len(refused) < 1200 and "\n" not in refused


def high_layer(tensors: dict[str, torch.Tensor]) -> None:
    for key in list(tensors):
        tensors[key.replace("layers.1.", "layers.9999999999.")] = tensors.pop(key)


def high_rank(tensors: dict[str, torch.Tensor]) -> None:
    tensors.clear()
    tensors |= {A: torch.ones(50_000, 1), B: torch.ones(1, 50_000)}


ALONE: dict[str, tuple[Change, str]] = HOSTILE | {
    "a layer of ten digits": (with_tensors(high_layer), "names layer 9999999999"),
    "a rank above its sizes": (with_tensors(high_rank), "has rank 50000"),
    "a list as its kind": (configured(peft_type=["LORA"]), "peft_type is"),
    "a long key": (configured(rank_pattern={"q" * 100_000: 4}), "characters are read"),
    "many saved modules": (configured(modules_to_save=["z"] * 60_000), "at most 100 names"),
}


@pytest.mark.parametrize("case", ALONE)
def test_a_hostile_folder_costs_little_without_a_base(case: str, folder: Path) -> None:
    change, message = ALONE[case]
    change(folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began = memory("VmRSS"), time.process_time()
    found = inspect_adapter(AdapterEntry("mine", "", "other", folder))
    assert time.process_time() - began < 2
    assert memory("VmHWM") - before < 100_000_000
    # Some are faults only beside a base.
    assert case in HOSTILE or re.search(message, found.refused)


def test_all_patterns_share_one_budget_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count(step=0.2)
    monkeypatch.setattr(
        "analysis.models.peft_files.patterns.time.perf_counter", lambda: next(seconds)
    )
    expression = Patterns("mine").compiled("target_modules", "q.*")  # 0.2 s
    assert expression.full("q_proj")  # 0.4 s
    assert expression.full("q_proj")  # 0.6 s
    with pytest.raises(InputError, match=r"takes more than 0\.5 s"):
        expression.full("q_proj")


# Text that forges a line, clears the screen and turns the reading direction.
STEERING = "x\nIt can be mixed.\x1b[2J\x9b31m\u202e"
PRINTED: dict[str, Change] = {
    "the base's name": configured(base_model_name_or_path=STEERING),
    "a target": configured(target_modules=["q_proj", "down_proj", STEERING]),
    "an expression": configured(target_modules=STEERING),
    "a rank": configured(rank_pattern={STEERING: 3}),
    "a kind": configured(peft_type=STEERING),
    "a setting": configured(**{STEERING: 3}),
    "a start": configured(init_lora_weights=STEERING),
    "a saved module": configured(modules_to_save=[STEERING]),
    "a tensor": added(**{FRONT + STEERING: torch.ones(1)}),
    "a module": renamed("layers.1.self_attn", f"layers.1.{STEERING}"),
    "an adapter in the file": renamed("_A.weight", f"_A.{STEERING}.weight"),
    "a licence": written("README.md", f"---\nlicense: {STEERING}\n---\n"),
    "a file": moved(TENSORS, f"{STEERING}.safetensors"),
    "a file of llama.cpp": moved(TENSORS, f"{STEERING}.gguf"),
    "a subfolder": together(
        moved(CONFIG, f"{STEERING}/{CONFIG}"), moved(TENSORS, f"{STEERING}/{TENSORS}")
    ),
    "no JSON": written(CONFIG, STEERING),
}


@pytest.mark.parametrize("case", PRINTED)
def test_no_text_of_a_folder_steers_the_terminal(
    case: str, base: PreTrainedModel, folder: Path
) -> None:
    PRINTED[case](folder)
    for model in (base, None):
        found = inspect_adapter(AdapterEntry("mine", "", "other", folder), model)
        *before, last = report(found).split("\n")
        assert not any(line.startswith("It can be mixed") for line in before)
        assert last.startswith("refused  ") if found.refused else last == "It can be mixed."
        assert "\n" not in found.refused
        for text in (*before, last, json_line(asdict(found))):
            assert not {unicodedata.category(sign) for sign in text} & {"Cc", "Cf"}


def test_no_text_of_a_command_line_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "1 + 1?", "--collection", f"/{STEERING}/none.toml"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.endswith("\n")
    assert not {unicodedata.category(sign) for sign in error[:-1]} & {"Cc", "Cf"}


def test_there_are_many_folders() -> None:
    assert len(LOADED) + len(REFUSED) + len(HOSTILE) >= 60


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_float8_is_read_exactly(base: PreTrainedModel, folder: Path, dtype: Any) -> None:
    typed(torch.float8_e5m2)(folder)
    stored = load_file(folder / TENSORS)
    found = load(base, folder).factors["model.layers.1.self_attn.q_proj"]
    assert torch.equal(found.a_rI, stored[A].float())
    assert torch.equal(found.b_Or, 2 * stored[B].float())


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_dora_is_all_of_its_change(family: str, tmp_path: Path) -> None:
    model = tiny.model(family, dtype=torch.float64)
    linear = tiny.linears(family)[0]
    path = tiny.write_adapter(tmp_path, model, targets=[linear], dora=True, rslora=True)
    adapter = load(model, path)
    wanted = peft_deltas(model, path)
    found = deltas(adapter)
    assert found.keys() == wanted.keys() and len(found) == tiny.LAYERS
    for name, delta in found.items():
        expected = wanted[name].T if family == "gpt2" else wanted[name]
        assert torch.allclose(delta, expected, rtol=1e-9, atol=1e-12)
        size = adapter.factors[name].norm()
        assert size == pytest.approx(float(expected.norm()), rel=1e-9)
    whole_size = sum(float(one.square().sum()) for one in wanted.values()) ** 0.5
    assert delta_norm(adapter.factors.values()) == pytest.approx(whole_size, rel=1e-9)


def test_a_dora_of_half_its_magnitudes_is_refused(tmp_path: Path) -> None:
    model = tiny.model("llama")
    path = tiny.write_adapter(tmp_path, model, targets=["q_proj"], dora=True)
    with_tensors(lambda t: t.update({LAYER + "magnitude_vector": torch.ones(16)}))(path)
    with pytest.raises(InputError, match=r"magnitude of .*q_proj has shape \(16,\).*32 rows"):
        load(model, path)


@pytest.mark.parametrize(
    ("trained", "loaded", "relation"),
    [
        ("google/gemma-3-270m", "/home/me/gemma-3-270m", "same"),
        ("google/gemma-3-1b-pt", "google/gemma-3-1b", "same"),
        ("google/gemma-3-270m", "/cache/gemma-3-270m-q4_k_m-float16-a5fd3b62", "same"),
        ("unsloth/gemma-3-270m-bnb-4bit", "google/gemma-3-270m", "quantised"),
        ("unsloth/gemma-3-270m-unsloth-bnb-4bit", "google/gemma-3-270m", "quantised"),
        ("google/gemma-3-270m-it", "google/gemma-3-270m", "other"),
        ("google/gemma-3-1b-it", "google/gemma-3-1b-pt", "other"),
        ("meta-llama/Llama-3.2-1B", "google/gemma-3-270m", "other"),
        ("", "google/gemma-3-270m", "unknown"),
        ("google/gemma-3-270m", "", "unknown"),
        ("google/gemma-3-270m", f"snapshots/{'0a' * 20}", "unknown"),
    ],
)
def test_the_base_is_known_by_its_name(trained: str, loaded: str, relation: str) -> None:
    assert base_relation(trained, loaded) == relation
    assert bool(base_remark(trained, loaded)) == (relation in ("quantised", "other"))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("google/gemma-3-270m", "google/gemma-3-270m"),
        ("gpt2", "gpt2"),
        ("/home/ann/models/gemma-3-270m/", "gemma-3-270m"),
        ("~/models/base", "base"),
        ("../secret/base", "base"),
        ("outputs/run 3/base", "base"),
        ("C:\\Users\\Ann\\base", "base"),
        (f"/root/hub/models--owner--my--base/snapshots/{'0a' * 20}", "owner/my--base"),
        ("/", "/"),
        (None, ""),
        (3, ""),
    ],
)  # fmt: skip
def test_a_base_is_named_without_its_place(written: object, name: str) -> None:
    assert base_name(written) == name
