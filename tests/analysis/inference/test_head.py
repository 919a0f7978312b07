"""The head against the model's own logits, and capped shifts that keep their digits."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from analysis.inference.head import Head
from tests import tiny


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


def test_capped_shifts_keep_their_digits() -> None:
    head = dataclasses.replace(Head.of(tiny.model("gemma2")), softcap=3.0)
    base_V = torch.linspace(-9, 9, 200)
    shift_V = 1e-5 * torch.sin(7 * base_V)
    _, capped_KV = head.finish(base_V, shift_V[None])
    before = 3 * torch.tanh(base_V.double() / 3)
    exact_V = 3 * torch.tanh((base_V.double() + shift_V.double()) / 3) - before
    assert torch.allclose(capped_KV[0].double(), exact_V, rtol=1e-3, atol=1e-9)


def test_the_norm_of_a_bfloat16_model_computes_in_float32() -> None:
    model = tiny.model("llama", dtype=torch.bfloat16)
    found = Head.of(model).norm(torch.ones(3, tiny.WIDTH))
    assert found.dtype == torch.float32
    assert model.model.norm.weight.dtype == torch.bfloat16  # the model's own stays as it was
