"""Lenses against the model's own logits, and shifts that keep their digits."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import analysis.measure.lens
from analysis.common.errors import InputError
from analysis.measure.lens import Head, read
from tests import tiny

IDS_RT = torch.tensor([[2, 40, 50, 60, 41]])


@pytest.mark.parametrize("family", [*tiny.FAMILIES, "gemma2"])
def test_norm_lens_of_the_last_block_gives_the_models_logits(family: str) -> None:
    model = tiny.model(family, dtype=torch.float64)
    kept = []
    block = next(
        module
        for name, module in model.named_modules()
        if name.endswith((f"layers.{tiny.LAYERS - 1}", f"h.{tiny.LAYERS - 1}"))
    )

    def keep(module: object, inputs: object, output: object) -> None:
        kept.append(output[0] if isinstance(output, tuple) else output)

    handle = block.register_forward_hook(keep)
    with torch.inference_mode():
        expected_TV = model(IDS_RT).logits[0]
    handle.remove()
    hidden_RLD = kept[0].transpose(0, 1).clone()  # the tokens stand for rows
    ((_, base_V, shift_KV),) = read(hidden_RLD, Head.of(model), "norm")
    assert torch.allclose(base_V, expected_TV[0], rtol=1e-9, atol=1e-12)
    assert torch.allclose(base_V + shift_KV, expected_TV[1:], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("family", [*tiny.FAMILIES, "gemma2"])
@pytest.mark.parametrize(
    ("tokens", "transposed"), [(3, True), (3, False), (20, True)], ids=["few", "plain", "many"]
)
def test_the_heads_output_is_the_models_logits(family: str, tokens: int, transposed: bool) -> None:
    model = tiny.model(family, dtype=torch.float64)
    ids_RT = torch.arange(40, 40 + tokens).unsqueeze(0)
    with torch.inference_mode():
        expected_TV = model(ids_RT).logits[0]
        normed_TD = model.base_model(ids_RT).last_hidden_state[0]
        found_TV = dataclasses.replace(Head.of(model), transposed=transposed).output(normed_TD)
    torch.testing.assert_close(found_TV, expected_TV, rtol=1e-10, atol=1e-10)


def states(rows: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(rows, tiny.LAYERS, tiny.WIDTH, generator=generator, dtype=torch.float64)


def test_raw_lens_is_the_lm_head_alone() -> None:
    model = tiny.model("llama", dtype=torch.float64)
    hidden_RLD = states()
    logits_RLV = hidden_RLD @ model.lm_head.weight.T
    for layer, base_V, shift_KV in read(hidden_RLD, Head.of(model), "raw"):
        assert torch.allclose(base_V, logits_RLV[0, layer])
        assert torch.allclose(shift_KV, logits_RLV[1:, layer] - logits_RLV[0, layer])


def test_small_shifts_keep_their_digits_in_float32() -> None:
    model = tiny.model("llama")
    hidden_RLD = (100 * states(2)).float()
    hidden_RLD[1] = hidden_RLD[0] * (1 + 1e-6)
    exact_LD = (hidden_RLD[1].double() - hidden_RLD[0].double()) @ model.lm_head.weight.double().T
    for layer, _, shift_KV in read(hidden_RLD, Head.of(model), "raw"):
        error = (shift_KV[0].double() - exact_LD[layer]).norm() / exact_LD[layer].norm()
        assert float(error) < 1e-6


def test_capped_shifts_keep_their_digits() -> None:
    head = dataclasses.replace(Head.of(tiny.model("gemma2")), softcap=3.0)
    base_V = torch.linspace(-9, 9, 200)
    shift_V = 1e-5 * torch.sin(7 * base_V)
    _, capped_KV = head.finish(base_V, shift_V[None])
    before = 3 * torch.tanh(base_V.double() / 3)
    exact_V = 3 * torch.tanh((base_V.double() + shift_V.double()) / 3) - before
    assert torch.allclose(capped_KV[0].double(), exact_V, rtol=1e-3, atol=1e-9)


def test_layers_come_in_order_however_many_fit_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    head = Head.of(tiny.model("gemma3", dtype=torch.float64))
    together = list(read(states(), head))
    monkeypatch.setattr(analysis.measure.lens, "_BUDGET_BYTES", 1)
    single = list(read(states(), head))
    assert [layer for layer, _, _ in together] == list(range(tiny.LAYERS))
    for (layer, base_V, shift_KV), (other, other_V, other_KV) in zip(together, single, strict=True):
        assert layer == other
        assert torch.allclose(base_V, other_V) and torch.allclose(shift_KV, other_KV)


def test_the_norm_of_a_bfloat16_model_computes_in_float32() -> None:
    model = tiny.model("llama", dtype=torch.bfloat16)
    found = Head.of(model).norm(states().float())
    assert found.dtype == torch.float32
    assert model.model.norm.weight.dtype == torch.bfloat16  # the model's own stays as it was


def test_an_unknown_lens_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'blurred'.*norm.*raw"):
        list(read(states(), Head.of(tiny.model("llama")), "blurred"))
