"""4- and 8-bit bases, where bitsandbytes is installed, and a weight that unpacks wrongly."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import BitsAndBytesConfig
from transformers.models.auto import AutoModelForCausalLM

from analysis.engine import Engine
from analysis.inference.mixing.mixture import Mixture
from analysis.models.adapters import load_adapter
from analysis.models.bases.base_model import load_base
from analysis.models.collection import AdapterEntry, Base
from analysis.models.factors import RowScale
from tests import tiny

IDS_RT = torch.tensor([[2, *range(40, 60), 7, 300, 41]])
OPTIONS: tuple[dict[str, Any], ...] = (
    {"rank": 4, "strength": 0.1},
    {"rank": 2, "strength": 0.1, "layers": [1, 2], "rslora": True},
    {"rank": 2, "strength": 0.1, "dora": True},
)


class Relaid(nn.Linear):
    """A linear whose stored weight is in an order of its own, as bitsandbytes leaves it."""

    def __init__(self, weight_OI: Tensor, bias: bool) -> None:
        super().__init__(weight_OI.shape[1], weight_OI.shape[0], bias=bias)
        self.true_OI = weight_OI
        self.weight.quant_state = SimpleNamespace(packing_format_for_cpu=True)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.true_OI, self.bias)


@pytest.mark.parametrize("bias", [False, True])
def test_a_weight_in_another_order_is_read_by_its_outputs(
    bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.models.factors.READ_ROWS", 3)
    weight_OI = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    linear = Relaid(weight_OI, bias)
    linear.register_forward_hook(lambda *given: given[2] + 1)  # as a pass with adapters does
    torch.testing.assert_close(RowScale.of(linear).weight_OI(), weight_OI)


@pytest.mark.parametrize(("bits", "tolerance"), [(4, 1e-5), (8, 0.05)])
def test_rows_of_a_packed_base_equal_peft(
    bits: int, tolerance: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bitsandbytes")
    modules = importlib.import_module("bitsandbytes.nn.modules")
    # With it, 4-bit weights are multiplied in bfloat16, and PEFT reads a DoRA's weights wrongly.
    monkeypatch.setattr(modules, "has_avx512bf16", lambda: False, raising=False)
    monkeypatch.setattr(tiny, "WIDTH", 64)  # whole blocks of 4-bit numbers
    monkeypatch.setattr(tiny, "INNER", 128)
    full = tiny.model("llama", seed=64)  # kept by seed: no other test gets these widths
    paths = [
        tiny.write_adapter(tmp_path / str(index), full, seed=index + 1, **options)
        for index, options in enumerate(OPTIONS)
    ]
    full.save_pretrained(tmp_path / "full")
    packing = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)
    packed = AutoModelForCausalLM.from_pretrained(
        tmp_path / "full", quantization_config=packing, device_map="cpu", dtype=torch.float32
    )
    base = tmp_path / "base"
    packed.save_pretrained(base)
    tiny.tokenizer().save_pretrained(base)

    model, tokenizer = load_base(Base("folder", str(base)), device="cpu")
    assert {one.dtype for one in model.parameters()} - {torch.float32}
    entries = [AdapterEntry(path.name, path.name, "other", path) for path in paths]
    loaded = [load_adapter(model, entry) for entry in entries]
    weights_RLK = torch.cat([torch.zeros(1, 3), torch.eye(3)])[:, None].expand(4, tiny.LAYERS, 3)
    with torch.inference_mode(), Mixture(model, loaded).rows(weights_RLK).on():
        rows_RTV = model(IDS_RT.expand(4, -1), use_cache=False).logits
    for row, path in enumerate([None, *paths]):
        plain, _ = load_base(Base("folder", str(base)), device="cpu")
        if path is not None:
            plain = PeftModel.from_pretrained(plain, str(path)).eval()
        with torch.inference_mode():
            wanted_TV = plain(IDS_RT, use_cache=False).logits[0]
        error = (rows_RTV[row] - wanted_TV).abs().max() / wanted_TV.abs().max()
        assert float(error) < tolerance
    assert Engine(model, tokenizer, loaded).layers == tiny.LAYERS  # its check at load passed
