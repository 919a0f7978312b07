"""Layers read through lenses: the model's own logits, and shifts that keep their digits."""

from __future__ import annotations

import pytest
import torch

from analysis.common.errors import InputError
from analysis.inference.head import Head
from analysis.measure.layer_reading import read_layers
from analysis.measure.lenses import bind_lens
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
    ((_, base_V, shift_KV),) = read_layers(hidden_RLD, Head.of(model), bind_lens("norm"))
    assert torch.allclose(base_V, expected_TV[0], rtol=1e-9, atol=1e-12)
    assert torch.allclose(base_V + shift_KV, expected_TV[1:], rtol=1e-9, atol=1e-12)


def states(rows: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(rows, tiny.LAYERS, tiny.WIDTH, generator=generator, dtype=torch.float64)


def test_raw_lens_is_the_lm_head_alone() -> None:
    model = tiny.model("llama", dtype=torch.float64)
    hidden_RLD = states()
    logits_RLV = hidden_RLD @ model.lm_head.weight.T
    for layer, base_V, shift_KV in read_layers(hidden_RLD, Head.of(model), bind_lens("raw")):
        assert torch.allclose(base_V, logits_RLV[0, layer])
        assert torch.allclose(shift_KV, logits_RLV[1:, layer] - logits_RLV[0, layer])


def test_small_shifts_keep_their_digits_in_float32() -> None:
    model = tiny.model("llama")
    hidden_RLD = (100 * states(2)).float()
    hidden_RLD[1] = hidden_RLD[0] * (1 + 1e-6)
    exact_LD = (hidden_RLD[1].double() - hidden_RLD[0].double()) @ model.lm_head.weight.double().T
    for layer, _, shift_KV in read_layers(hidden_RLD, Head.of(model), bind_lens("raw")):
        error = (shift_KV[0].double() - exact_LD[layer]).norm() / exact_LD[layer].norm()
        assert float(error) < 1e-6


def test_layers_come_in_order_however_many_fit_at_once() -> None:
    head = Head.of(tiny.model("gemma3", dtype=torch.float64))
    together = list(read_layers(states(), head, bind_lens("norm")))
    single = list(read_layers(states(), head, bind_lens("norm"), logits_bytes=1))
    assert [layer for layer, _, _ in together] == list(range(tiny.LAYERS))
    for (layer, base_V, shift_KV), (other, other_V, other_KV) in zip(together, single, strict=True):
        assert layer == other
        assert torch.allclose(base_V, other_V) and torch.allclose(shift_KV, other_KV)


def test_an_unknown_lens_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'blurred'.*norm.*raw"):
        bind_lens("blurred")


def test_between_two_layers_the_caller_is_not_in_inference_mode() -> None:
    head = Head.of(tiny.model("llama"))
    modes = [
        torch.is_inference_mode_enabled() for _ in read_layers(states(), head, bind_lens("norm"))
    ]
    assert modes == [False] * tiny.LAYERS


def test_a_lens_is_told_the_numbers_of_the_layers() -> None:
    head = Head.of(tiny.model("llama", dtype=torch.float64))
    every = list(read_layers(states(), head, bind_lens("norm")))
    some = list(read_layers(states()[:, 1:], head, bind_lens("norm"), layers=[1, 2]))
    assert [layer for layer, _, _ in some] == [1, 2]
    for (_, base_V, shift_KV), (_, other_V, other_KV) in zip(every[1:], some, strict=True):
        assert torch.equal(base_V, other_V) and torch.equal(shift_KV, other_KV)
