"""Invariant 1: every row is exactly what the model with other weights would compute."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor
from torch.func import functional_call
from transformers import DynamicCache, PreTrainedModel

from analysis.common.errors import InputError
from analysis.inference.mixing.deltas import SingleAdapter
from analysis.inference.mixing.mixture import Mixture
from analysis.inference.mixing.policies import ConstantWeights
from analysis.inference.mixing.sites import layer_of
from analysis.models.adapters import Adapter, load_adapter
from analysis.models.collection import AdapterEntry
from tests import tiny

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
IDS_T = torch.tensor([2, *range(40, 60), 7, 300, 41])  # longer than the tiny sliding windows


CASES = [
    *((family, torch.float64) for family in tiny.FAMILIES),
    # Of each kind of linear, which is all that the precision meets.
    ("gemma3", torch.float32),
    ("gpt2", torch.float32),
]


@dataclass
class Case:
    """A base, adapters as unlike each other as LoRA allows, and PEFT's own view of them."""

    model: PreTrainedModel
    adapters: list[Adapter]
    alone: list[PreTrainedModel]
    deltas: list[dict[str, Tensor]]

    def merged(self, weights_LK: Tensor, ids_RT: Tensor) -> Tensor:
        """Logits of the base with the weighted sum of all ΔW in its weights."""
        layers = self.model.config.num_hidden_layers
        changed = {}
        for name, module in self.model.named_modules():
            for weight_K, delta in zip(weights_LK.T, self.deltas, strict=True):
                if name in delta:
                    old = changed.get(f"{name}.weight", module.weight)
                    weight = weight_K[layer_of(name, layers)].to(old.dtype)
                    changed[f"{name}.weight"] = old + weight * delta[name]
        with torch.inference_mode():
            return functional_call(self.model, changed, (ids_RT,)).logits


@cache
def case(family: str, dtype: torch.dtype) -> Case:
    base = tiny.model(family, dtype=dtype)
    first, *_, last = tiny.linears(family)
    options: list[dict[str, Any]] = [
        {"rank": 4, "alpha": 8},
        {"rank": 2, "alpha": 3, "rslora": True, "targets": [first], "dora": family != "llama"},
        {
            "rank": 3,
            "layers": [1, 2],
            "rank_pattern": {last: 5},
            "alpha_pattern": {first: 1.5},
            "rslora": family == "llama",
        },
    ]
    adapters, alone, deltas = [], [], []
    with TemporaryDirectory() as folder:
        for index, option in enumerate(options):
            path = tiny.write_adapter(
                Path(folder) / str(index), base, seed=index + 1, strength=0.1, **option
            )
            entry = AdapterEntry(f"a{index}", "", "other", path)
            adapters.append(load_adapter(base, entry))
            peft = PeftModel.from_pretrained(
                copy.deepcopy(base), str(path), autocast_adapter_dtype=False
            )
            alone.append(peft.base_model.model.eval())
            merged = copy.deepcopy(peft).merge_and_unload()
            deltas.append(
                {
                    name: merged.get_submodule(name).weight - base.get_submodule(name).weight
                    for name, module in alone[-1].named_modules()
                    if isinstance(module, LoraLayer)
                }
            )
    return Case(base, adapters, alone, deltas)


def table(*rows: Any) -> Tensor:
    """Rows as one number per adapter, or one list per layer, into `[rows, layers, adapters]`."""
    return torch.stack(
        [torch.tensor(row, dtype=torch.float64).expand(tiny.LAYERS, 3) for row in rows]
    )


ROWS_RLK = table(
    [0, 0, 0],
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [[0.2, 0.3, 0.5], [0.9, 0.0, 0.1], [0.0, 0.6, 0.4]],
    [[0, 0, 0], [0, 0, -0.7], [1.3, 0, 0]],
    [1, 1, 1],
)


def assert_same(found: Tensor, expected: Tensor, dtype: torch.dtype) -> None:
    __tracebackhide__ = True
    assert found.dtype == expected.dtype == dtype
    error = float((found - expected).abs().max() / expected.abs().max())
    assert error <= TOLERANCE[dtype]


def run(model: PreTrainedModel, ids_RT: Tensor, **more: Any) -> Tensor:
    with torch.inference_mode():
        return model(ids_RT, **more).logits


@pytest.mark.parametrize(("family", "dtype"), CASES, ids=lambda part: str(part).split(".")[-1])
class TestRows:
    def test_base_row_is_the_base_model(self, family: str, dtype: torch.dtype) -> None:
        one = case(family, dtype)
        expected = run(one.model, IDS_T[None])[0]
        applied = Mixture(one.model, one.adapters).rows(ROWS_RLK)
        with applied.on():
            found_RTV = run(one.model, IDS_T.expand(len(ROWS_RLK), -1))
        assert_same(found_RTV[0], expected, dtype)
        assert not torch.allclose(found_RTV[1], expected)

    def test_adapter_rows_are_peft_running_each_alone(
        self, family: str, dtype: torch.dtype
    ) -> None:
        one = case(family, dtype)
        applied = Mixture(one.model, one.adapters).rows(ROWS_RLK)
        with applied.on():
            found_RTV = run(one.model, IDS_T.expand(len(ROWS_RLK), -1))
        for row, alone in enumerate(one.alone, start=1):
            assert_same(found_RTV[row], run(alone, IDS_T[None])[0], dtype)

    def test_weighted_rows_are_merged_weights(self, family: str, dtype: torch.dtype) -> None:
        one = case(family, dtype)
        applied = Mixture(one.model, one.adapters).rows(ROWS_RLK)
        with applied.on():
            found_RTV = run(one.model, IDS_T.expand(len(ROWS_RLK), -1))
        for weights_LK, found_TV in zip(ROWS_RLK, found_RTV, strict=True):
            assert_same(found_TV, one.merged(weights_LK, IDS_T[None])[0], dtype)

    @pytest.mark.parametrize("transposed", [False, True], ids=["plain", "turned"])
    def test_decoding_with_a_cache_is_merged_weights(
        self, family: str, dtype: torch.dtype, transposed: bool
    ) -> None:
        one = case(family, dtype)
        applied = Mixture(one.model, one.adapters, transposed).rows(ROWS_RLK)
        cache = DynamicCache(config=one.model.config)
        parts = IDS_T.split([17, *[1] * (len(IDS_T) - 17)])
        found = []
        for part_T in parts:
            with applied.on():
                ids_RT = part_T.expand(len(ROWS_RLK), -1)
                found.append(run(one.model, ids_RT, cache=cache, use_cache=True))
        found_RTV = torch.cat(found, dim=1)
        for weights_LK, found_TV in zip(ROWS_RLK, found_RTV, strict=True):
            assert_same(found_TV, one.merged(weights_LK, IDS_T[None])[0], dtype)


_WEIGHT = st.sampled_from([0.0, 0.0, 0.0, 1.0, 1 / 3, -0.5]) | st.floats(-2, 2)
_ROW = st.lists(
    st.lists(_WEIGHT, min_size=3, max_size=3), min_size=tiny.LAYERS, max_size=tiny.LAYERS
)


@settings(max_examples=25)
@given(
    rows=st.lists(_ROW, min_size=1, max_size=4),
    family=st.sampled_from(["llama", "gpt2"]),
)
def test_any_weights_are_merged_weights(rows: list[list[list[float]]], family: str) -> None:
    one = case(family, torch.float64)
    weights_RLK = torch.tensor(rows, dtype=torch.float64)
    ids_RT = IDS_T.expand(len(rows), -1)
    with Mixture(one.model, one.adapters).rows(weights_RLK).on():
        found_RTV = run(one.model, ids_RT)
    for weights_LK, found_TV in zip(weights_RLK, found_RTV, strict=True):
        assert_same(found_TV, one.merged(weights_LK, IDS_T[None])[0], torch.float64)


def test_a_mixed_batch_gives_each_row_what_it_would_get_alone() -> None:
    one = case("gemma3", torch.float64)
    mixture = Mixture(one.model, one.adapters)
    order = torch.tensor([4, 1, 0, 5, 2, 6, 3, 1])  # rows of one kind are not neighbours
    with mixture.rows(ROWS_RLK[order]).on():
        together_RTV = run(one.model, IDS_T.expand(len(order), -1))
    for row, place in enumerate(order):
        with mixture.rows(ROWS_RLK[place][None]).on():
            assert_same(together_RTV[row], run(one.model, IDS_T[None])[0], torch.float64)


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16], ids=str)
def test_an_adapter_stored_in_half_precision_is_computed_in_the_bases(
    tmp_path: Path, stored: torch.dtype
) -> None:
    base = tiny.model("llama")
    # 10 / sqrt(3) has no short binary form: scaling B in half precision would round it.
    path = tiny.write_adapter(tmp_path, base, rank=3, alpha=10, rslora=True, dtype=stored)
    adapter = load_adapter(base, AdapterEntry("half", "", "other", path))
    peft = PeftModel.from_pretrained(copy.deepcopy(base), str(path)).eval()
    with Mixture(base, [adapter]).rows(torch.ones(1, tiny.LAYERS, 1)).on():
        found = run(base, IDS_T[None])
    assert_same(found, run(peft, IDS_T[None]), torch.float32)


def hooks(model: PreTrainedModel) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )


def test_the_model_is_the_base_again_after_an_exception() -> None:
    one = case("llama", torch.float64)
    before = run(one.model, IDS_T[None])
    with pytest.raises(KeyError), Mixture(one.model, one.adapters).rows(ROWS_RLK).on():
        assert hooks(one.model) > 0
        raise KeyError
    assert hooks(one.model) == 0
    assert torch.equal(run(one.model, IDS_T[None]), before)


def test_a_batch_of_another_size_is_no_set_of_these_rows() -> None:
    one = case("llama", torch.float64)
    applied = Mixture(one.model, one.adapters).rows(ROWS_RLK)
    with pytest.raises(RuntimeError, match="7 rows"), applied.on():
        run(one.model, IDS_T.expand(3, -1))
    assert hooks(one.model) == 0


def test_rows_that_nothing_touches_put_nothing_on_the_model() -> None:
    one = case("llama", torch.float64)
    with Mixture(one.model, one.adapters).rows(torch.zeros(2, tiny.LAYERS, 3)).on():
        assert hooks(one.model) == 0


@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 3), (1, 3, 2)])
def test_weights_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    one = case("llama", torch.float64)
    with pytest.raises(ValueError, match="layers"):
        Mixture(one.model, one.adapters).rows(torch.zeros(shape))


def test_first_layers_are_where_an_adapter_begins_to_act() -> None:
    one = case("qwen2", torch.float64)
    assert Mixture(one.model, one.adapters).first_layer_K == (0, 0, 1)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("model.layers.2.mlp.up_proj", 2),
        ("transformer.h.0.attn.c_attn", 0),
        ("gpt_neox.layers.1.attention.dense", 1),
    ],
)
def test_layer_of_a_module(name: str, layer: int) -> None:
    assert layer_of(name, 3) == layer


@pytest.mark.parametrize("name", ["lm_head", "model.embed_tokens", "model.layers.3.mlp.up_proj"])
def test_a_module_of_no_layer_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        layer_of(name, 3)


@pytest.mark.parametrize("chosen", [[0, 1], [0, 2]], ids=["consecutive", "apart"])
def test_matrices_are_copied_once_where_rows_run_many_passes(chosen: list[int]) -> None:
    """Rows that run once take each module's matrices when its term is added."""
    one = case("llama", torch.float64)
    mixture = Mixture(one.model, one.adapters)
    weights_RLK = torch.zeros(2, tiny.LAYERS, 3)
    weights_RLK[[0, 1], :, chosen] = 1.0
    policies = [ConstantWeights(mixture.adapters, weights_LK) for weights_LK in weights_RLK]
    once, often = mixture.rows(weights_RLK), mixture.rows_of(policies)
    covered = tiny.linears("llama")[0]
    terms = [
        next(term for delta in applied._deltas[::-1] if delta.module is module
             for term in delta.constant)
        for applied in (once, often)
        for module in [[site for name, site in mixture.modules.items() if covered in name][-1]]
    ]  # fmt: skip
    first, second = terms
    assert isinstance(first, SingleAdapter) and isinstance(second, SingleAdapter)
    assert first.a_KrI.shape[0] == 3 and second.chosen == slice(None)
    shared = first.a_KrI.data_ptr() == second.a_KrI.data_ptr()
    assert shared == (chosen == [0, 1]), "a part that is a view is no copy"
    assert torch.equal(first.a_KrI[first.chosen], second.a_KrI)
    assert torch.equal(first.b_KrO[first.chosen], second.b_KrO)
